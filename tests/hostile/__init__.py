"""Hostile inputs by the thousand, beside honest clients that must notice nothing: `make hostile`.

`attempts.py`      what an input is, and what may come of it
`http_kinds.py`    heads and bodies of requests, paths, hosts, origins
`packet_kinds.py`  WebSocket frames, packets of Engine.IO and Socket.IO
`name_kinds.py`    names of users and events, what a page claims to be
`wire.py`          sends an input, and sees what comes of it
`honest.py`        the clients that must notice nothing, and the server that knows what must never arrive
`run.py`           runs them all
"""
