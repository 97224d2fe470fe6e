#!/usr/bin/python3 -IS
"""Trunkline's CNI program: hands a container runtime's request to the node's agent and prints its answer.

It is started for every pod, so its cost is the start of the interpreter and little more: builtin modules only, no
`os`, and `json` only where something went wrong.  The agent reads and judges the request; this file knows no more of
it than where the agent listens.  It runs as installed, without the rest of the package beside it.

    request   CNI_A=...\\0CNI_B=...\\0 \\0 <the network configuration, until the sender is done>
    answer    <exit code> <length>\\n <what to print>

An answer that ends early is no answer: the agent died half-way, and the runtime is told to try again.
"""

import _socket
import posix

DEFAULT_SOCKET = "/run/trunkline/cni.sock"
VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")

# Error codes of the CNI specification.
INVALID_ENVIRONMENT, IO_FAILURE, DECODING_FAILURE, TRY_AGAIN_LATER, NOT_AVAILABLE = 4, 5, 6, 11, 50


def main() -> int:
    """Serve one request; answers the exit code."""
    environment = {key: value for key, value in posix.environ.items() if key.startswith(b"CNI_")}
    command = environment.get(b"CNI_COMMAND", b"").decode("ascii", "replace")
    if not command:
        return fail("", INVALID_ENVIRONMENT, "CNI_COMMAND is not set", "A container runtime starts this program.")
    configuration = read_all(0)
    if command == "VERSION":
        return version(configuration)
    try:
        path = agent_socket(configuration)
        code, answer = exchange(path, environment, configuration)
    except ValueError as error:
        return fail("", DECODING_FAILURE, "the network configuration is not valid JSON", str(error))
    except OSError as error:
        return unreachable(command, configuration, path, error)
    write_all(1, answer)
    return code


def read_all(descriptor: int) -> bytes:
    """Everything until end of file."""
    parts = []
    while part := posix.read(descriptor, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def write_all(descriptor: int, data: bytes) -> None:
    """All of `data`, however many writes that takes."""
    while data:
        data = data[posix.write(descriptor, data) :]


def agent_socket(configuration: bytes) -> str:
    """Where the agent listens: `agentSocket` of the configuration.

    Decoding JSON would double this program's run time, so the key is searched for; anything out of the ordinary is
    left to the decoder.

    Raises:
        ValueError: it is not a JSON object.
    """
    if b"agentSocket" not in configuration:
        return DEFAULT_SOCKET
    before, _, after = configuration.partition(b'"agentSocket"')
    colon, quote, after = after.partition(b'"')
    path, quote, _ = after.partition(b'"')
    if colon.strip() == b":" and quote and b"\\" not in path and b"agentSocket" not in before + after:
        return path.decode()
    return decoded(configuration).get("agentSocket") or DEFAULT_SOCKET


def decoded(configuration: bytes) -> dict:  # type: ignore[type-arg]  # whatever JSON holds
    """The configuration as a dictionary.

    Raises:
        ValueError: it is not a JSON object.
    """
    import json

    value = json.loads(configuration)
    if not isinstance(value, dict):
        raise ValueError("it is not an object")
    return value


def exchange(path: str, environment: dict[bytes, bytes], configuration: bytes) -> tuple[int, bytes]:
    """The agent's exit code and output for one request.

    Raises:
        OSError: the agent is not there, or went away before its answer was complete.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.connect(path)
    request = b"".join(key + b"=" + value + b"\0" for key, value in environment.items())
    connection.sendall(request + b"\0" + configuration)
    connection.shutdown(_socket.SHUT_WR)
    answer = read_all(connection.fileno())
    header, _, body = answer.partition(b"\n")
    code, _, length = header.partition(b" ")
    if length != b"%d" % len(body):
        raise ConnectionError(0, "it went away before it had answered")
    return int(code), body


def version(configuration: bytes) -> int:
    """Print what VERSION asks for; needs no agent."""
    import json

    try:
        asked = decoded(configuration).get("cniVersion") if configuration.strip() else ""
    except ValueError as error:
        return fail("", DECODING_FAILURE, "the request is not valid JSON", str(error))
    spoken = asked if asked in VERSIONS else VERSIONS[-1]
    write_all(1, json.dumps({"cniVersion": spoken, "supportedVersions": VERSIONS}).encode())
    return 0


def unreachable(command: str, configuration: bytes, path: str, error: OSError) -> int:
    """Tell the runtime that the agent is not there and that trying again helps."""
    try:
        asked = decoded(configuration).get("cniVersion", "")
    except ValueError as problem:
        return fail("", DECODING_FAILURE, "the network configuration is not valid JSON", str(problem))
    code = NOT_AVAILABLE if command == "STATUS" else TRY_AGAIN_LATER
    details = f"{path}: {error.strerror}. The request is safe to repeat once `trunkline agent` runs on this node."
    return fail(asked, code, "Trunkline's agent on this node cannot be reached", details)


def fail(asked: str, code: int, message: str, details: str) -> int:
    """Print an error as the specification has it; answers the exit code."""
    import json

    spoken = asked if asked in VERSIONS else VERSIONS[-1]
    error = {"cniVersion": spoken, "code": code, "msg": message, "details": details}
    write_all(1, json.dumps(error).encode())
    return 1


if __name__ == "__main__":
    try:
        exit_code = main()
    except Exception as problem:
        exit_code = fail("", IO_FAILURE, "the request could not be passed on", f"{type(problem).__name__}: {problem}")
    # Leaves out the interpreter's tidying up, about a millisecond.
    posix._exit(exit_code)
