"""What happened, for those who operate it: Prometheus metrics, and one set of spans for each request.

Observers are told by the runner. They never see to it that a request waits, they never raise, and nothing that they
emit holds text of a request, nor an id of a tenant, a user or a request in a metric label.
"""
