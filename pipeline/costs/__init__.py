"""What requests cost, what they would have cost, and what that saved or lost: read from the log and the ledger."""
