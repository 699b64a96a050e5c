"""`/v1/files`: inputs of batches, and what came of them, in the shape of the OpenAI API."""

from pipeline.gateway.files.family import Files

__all__ = ["Files"]
