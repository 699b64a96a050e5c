"""`/v1/batches`: many requests from a file, in the shape of the OpenAI API, over the engine of `stepwell batch`."""

from pipeline.gateway.batches.family import Batches

__all__ = ["Batches"]
