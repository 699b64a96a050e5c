"""What the cascade's decisions are worth on recorded answers, without a model: the code that decides in production.

    make eval FIT=folder DATA=folder [ONLY=H1,S1] [ARGS=--json]

What is learned is learned from FIT alone, and scored on DATA alone. Both have the layout of the evaluation data
(`data`). Where FIT and DATA are the same folder, its rows are split by key into five parts (`splits`), and each part is
scored by what was learned from the other four: nothing is scored by what has seen it.
"""
