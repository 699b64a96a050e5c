"""`/v1/embeddings`: vectors of texts, in the shape of the OpenAI API.

`reading` makes a request of a body, `writing` a body of a reply (both pure, and used for lines of batches too), and
`family` is the endpoint.
"""

from pipeline.gateway.embeddings.family import Embeddings
from pipeline.gateway.embeddings.reading import EmbedCall, Encoding, to_embed_call
from pipeline.gateway.embeddings.writing import embeddings_object

__all__ = ["EmbedCall", "Embeddings", "Encoding", "embeddings_object", "to_embed_call"]
