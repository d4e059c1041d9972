"""What the end-to-end tests are built from.

A test starts a real node (node.py), plays its customers and agents with
scripted SIP endpoints (peer.py) or SIPp (sipp.py), watches it through its
own control protocol (rpc.py), and reads like the ladder diagram it checks.
"""
