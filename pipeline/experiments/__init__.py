"""Who gets which variant, what became of it, and which weights follow from that."""
