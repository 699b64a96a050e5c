"""The cascade on real models of this machine: 320 questions with known answers, thresholds from one half of them.

    make eval-live [ARGS="--json --home FOLDER"]

A run brings everything up (nats-server, Valkey, the 0.5B and the 1.5B model, all stages) and goes three ways:
1. the fitting half is asked of each model alone, and `pipeline.calibrate` makes a calibrator of what came back;
2. the fitting half goes through the cascade under it, so that the route's own record knows what drafts are worth;
3. each question of the other half is asked of the cascade, of the small and of the large model, one after the other and
   in turning order, so that whatever else the machine does falls on all three alike.

No question, and no template of a question, is in both halves.
"""
