"""One scenario for every gateway: the local one, an emulated AWS, or AWS itself, by its URL.

`app/README.md` says how to run it. Left out is what this app, or any Chalice app, can't show:
routes that do not exist, custom routes and route responses, Lambda authorizers, throttling, and IAM
decisions other than on a call without a signature.
"""
