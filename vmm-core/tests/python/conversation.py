"""Drives a machine with qemu.qmp: python conversation.py SOCKET; prints "ok"."""

import asyncio
import os
import sys

from qemu.qmp import EventListener, ExecuteError, QMPClient


async def main(socket):
    qmp = QMPClient("test")
    await qmp.connect(socket)
    assert "oob" in qmp.greeting.QMP.capabilities

    assert await qmp.execute("query-name") == {"name": "py"}
    listener = EventListener(["STOP", "RESUME"])
    with qmp.listen(listener):
        await qmp.execute("stop")
        assert (await listener.get())["event"] == "STOP"
        assert (await qmp.execute("query-status"))["status"] == "paused"
        await qmp.execute("cont")
        assert (await listener.get())["event"] == "RESUME"

    for command, arguments, text in [
        ("no-such-command", None, "The command no-such-command has not been found"),
        ("pmemsave", {"val": "x"}, "Parameter 'val' expects uint64"),
        ("pmemsave", {"val": 0, "size": 1}, "Parameter 'filename' is missing"),
        ("query-name", {"x": 1}, "Parameter 'x' is unexpected"),
    ]:
        try:
            await qmp.execute(command, arguments)
        except ExecuteError as error:
            assert str(error) == text, error
        else:
            raise AssertionError(command)

    with open(os.devnull, "rb") as file:
        qmp.send_fd_scm(file.fileno())
        info = await qmp.execute("add-fd", {"opaque": "null"})
    sets = await qmp.execute("query-fdsets")
    assert sets == [{"fdset-id": info["fdset-id"], "fds": [{"fd": info["fd"], "opaque": "null"}]}]
    await qmp.execute("remove-fd", {"fdset-id": info["fdset-id"]})

    names = {entry["name"] for entry in await qmp.execute("query-commands")}
    schema = await qmp.execute("query-qmp-schema")
    assert names == {entry["name"] for entry in schema if entry["meta-type"] == "command"}

    await qmp.execute("quit")
    try:
        await qmp.disconnect()
    except EOFError:
        pass  # the machine has hung up first
    print("ok")


asyncio.run(main(sys.argv[1]))
