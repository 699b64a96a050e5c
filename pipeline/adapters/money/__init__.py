"""The ledger of what attempts cost, and the meter of rates.

The LEDGER stream is the truth. Valkey holds counters that follow from it, so that many workers can ask at once whether
a budget still covers an attempt; when they are lost, they are counted again from the stream before anybody is answered.
"""
