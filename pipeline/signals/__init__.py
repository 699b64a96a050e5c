"""What can be told of a request cheaply and without a model: sizes, wishes, complexity, a learned difficulty. Pure."""
