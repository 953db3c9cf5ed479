"""A kernel that does wrong things, each when a cell asks for it by name.

    python3 fake_kernel.py CONNECTION_FILE [never-binds | wrong-key | dies]

The code of a cell is what it does: `hello`, `malformed`, `wrong-signature`, `unknown`, `no-idle`, `no-reply`, `flood N`,
`hang` (answers nothing any more, not even to an interrupt).
"""

import hashlib
import hmac
import json
import signal
import sys
import time
import uuid

import zmq

MODE = sys.argv[2] if len(sys.argv) > 2 else ""
if MODE == "never-binds":
    time.sleep(600)
if MODE == "dies":
    print("this kernel does not like you", file=sys.stderr)
    sys.exit(3)

with open(sys.argv[1]) as file:
    INFO = json.load(file)
KEY = b"another key" if MODE == "wrong-key" else INFO["key"].encode()


def address(port):
    joint = "-" if INFO["transport"] == "ipc" else ":"
    return f"{INFO['transport']}://{INFO['ip']}{joint}{INFO[port]}"


context = zmq.Context()
shell, control, stdin, iopub, heartbeat = (
    context.socket(kind) for kind in (zmq.ROUTER, zmq.ROUTER, zmq.ROUTER, zmq.PUB, zmq.REP)
)
for socket, port in (
    (shell, "shell_port"),
    (control, "control_port"),
    (stdin, "stdin_port"),
    (iopub, "iopub_port"),
    (heartbeat, "hb_port"),
):
    socket.linger = 500
    socket.set_hwm(0)
    socket.bind(address(port))


def frames(kind, content, parent, key=KEY):
    header = {
        "msg_id": uuid.uuid4().hex,
        "session": "fake",
        "username": "fake",
        "date": "2026-01-01T00:00:00.000000Z",
        "msg_type": kind,
        "version": "5.3",
    }
    return signed([json.dumps(part).encode() for part in (header, parent, {}, content)], key)


def signed(parts, key=KEY):
    signature = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        signature.update(part)
    return [b"<IDS|MSG>", signature.hexdigest().encode(), *parts]


def publish(kind, content, parent, key=KEY):
    iopub.send_multipart([b"topic", *frames(kind, content, parent, key)])


def say(text, parent, key=KEY):
    publish("stream", {"name": "stdout", "text": text}, parent, key)


def malformed(parent):
    say("one\n", parent)
    iopub.send_multipart([b"no delimiter at all"])
    iopub.send_multipart([b"<IDS|MSG>"])
    iopub.send_multipart([b"<IDS|MSG>", b"too few", b"{}"])
    iopub.send_multipart([b"<IDS|MSG>", b"not hexadecimal", b"{}", b"{}", b"{}", b"{}"])
    say("two\n", parent)
    good = json.dumps(parent).encode()
    iopub.send_multipart(signed([b"[1, 2]", good, b"{}", b"{}"]))
    iopub.send_multipart(signed([b'{"msg_type": 7}', good, b"{}", b"{}"]))
    iopub.send_multipart(signed([b"\xff\xfe", good, b"{}", b"{}"]))
    iopub.send_multipart(signed([b'{"msg_type": "stream"}', good, b"{}", b"no json"]))
    iopub.send_multipart(signed([b'{"msg_type": "stream"}', good, b"{}", b'{"name": 1, "text": [2]}']))
    iopub.send_multipart(signed([b'{"msg_type": "display_data"}', good, b"{}", b'{"data": 3}']))
    iopub.send_multipart(signed([b'{"msg_type": "status"}', b"null", b"{}", b"{}"]))
    say("three\n", parent)


def run(code, parent):
    """False: no idle is sent."""
    if code == "malformed":
        malformed(parent)
    elif code == "wrong-signature":
        say("mine\n", parent)
        for _ in range(20):
            say("forged\n", parent, b"somebody else's key")
        say("mine again\n", parent)
    elif code == "unknown":
        publish("quantum_entanglement", {"spin": "up"}, parent)
        publish("comm_open", {"comm_id": "x", "target_name": "y", "data": {}}, parent)
        say("known\n", parent)
    elif code.startswith("flood"):
        for n in range(int(code.split()[1])):
            say(f"{n}\n", parent)
    elif code == "hang":
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, signal.SIG_IGN)
        time.sleep(600)
    else:
        say(code + "\n", parent)


poller = zmq.Poller()
for socket in (shell, control, heartbeat):
    poller.register(socket, zmq.POLLIN)
count = 0
while True:
    try:
        ready = dict(poller.poll())
    except KeyboardInterrupt:
        continue
    if heartbeat in ready:
        heartbeat.send(heartbeat.recv())
    for socket in (shell, control):
        if socket not in ready:
            continue
        message = socket.recv_multipart()
        at = message.index(b"<IDS|MSG>")
        who, header, content = message[:at], json.loads(message[at + 2]), json.loads(message[at + 5])

        def reply(kind, content, who=who, header=header, socket=socket):
            socket.send_multipart([*who, *frames(kind, content, header)])

        kind = header["msg_type"]
        publish("status", {"execution_state": "busy"}, header)
        idle = True
        if kind == "kernel_info_request":
            language = {"name": "fake", "version": "1", "mimetype": "text/plain", "file_extension": ".txt"}
            about = {"status": "ok", "protocol_version": "5.3", "implementation": "fake", "language_info": language}
            reply("kernel_info_reply", about)
        elif kind == "execute_request":
            count += 1
            code = content["code"]
            run(code, header)
            if code != "no-reply":
                reply("execute_reply", {"status": "ok", "execution_count": count})
            idle = code != "no-idle"
        elif kind == "shutdown_request":
            reply("shutdown_reply", {"status": "ok", "restart": content.get("restart", False)})
            sys.exit(0)
        else:
            reply(kind.replace("_request", "_reply"), {"status": "ok"})
        if idle:
            publish("status", {"execution_state": "idle"}, header)
