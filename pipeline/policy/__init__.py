"""What owners may change: the files in `policies/`, read strictly, refused whole or active whole."""
