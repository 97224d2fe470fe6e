"""The image `trunkline/echo`: an HTTP server that answers who it is, "web-0 172.16.19.11" and a newline.

Run once per pod, a thousand times in a lab, so it is one small loop over the lowest modules: with `python -I -S` it takes
some 8 MB and starts in 15 ms.  The address it names is the one the client reached it at.
"""

import _socket
import os
import select

REQUEST_LIMIT = 16384  # bytes; a request that has not ended by then is dropped


def listen(port: int) -> _socket.socket:
    """A listening socket on all addresses of both families, or of IPv4 where the kernel has no IPv6."""
    for family, address in ((_socket.AF_INET6, "::"), (_socket.AF_INET, "0.0.0.0")):
        try:
            server = _socket.socket(family, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK)
        except OSError:
            continue
        server.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            server.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
        server.bind((address, port))
        server.listen(128)
        return server
    raise SystemExit("no IPv4 and no IPv6")


def answer(name: str, connection: _socket.socket) -> bytes:
    """The whole response."""
    address = str(connection.getsockname()[0]).removeprefix("::ffff:")
    body = f"{name} {address}\n".encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def accept(server: _socket.socket) -> _socket.socket:
    """One waiting connection, non-blocking."""
    descriptor, _ = server._accept()  # type: ignore[attr-defined]  # what socket.accept() is made of
    connection = _socket.socket(fileno=descriptor)
    connection.setblocking(False)
    return connection


def serve(name: str, port: int) -> None:
    """Answer for ever."""
    server = listen(port)
    poll = select.epoll()
    poll.register(server.fileno(), select.EPOLLIN)
    open_connections: dict[int, tuple[_socket.socket, bytes]] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == server.fileno():
                try:
                    connection = accept(server)
                except OSError:  # the client left the queue again
                    continue
                open_connections[connection.fileno()] = (connection, b"")
                poll.register(connection.fileno(), select.EPOLLIN)
                continue
            connection, request = open_connections.pop(descriptor)
            try:
                piece = connection.recv(4096)
                request += piece
                if b"\r\n\r\n" in request:
                    connection.send(answer(name, connection))
                elif piece and len(request) < REQUEST_LIMIT:
                    open_connections[descriptor] = (connection, request)
                    continue
            except OSError:  # a client's hurry is no reason to stop
                pass
            poll.unregister(descriptor)
            connection.close()


if __name__ == "__main__":
    serve(os.environ.get("HOSTNAME", "unknown"), int(os.environ.get("PORT", "8080")))
