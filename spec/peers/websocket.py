"""websocket.py CERT -- a WebSocket server of Python's websockets over TLS, on
127.0.0.1; prints "ready PORT". It sends each message back, in upper case, and
in three pieces; "ping" it answers after a ping of its own; "bye" by closing."""
import asyncio
import ssl
import sys

import websockets


async def serve(connection, *_):
    async for message in connection:
        if message == "bye":
            return
        if message == "ping":
            await (await connection.ping())
            await connection.send("pong came")
            continue
        message = message.upper()
        third = len(message) // 3
        await connection.send([message[:third], message[third:2 * third], message[2 * third:]])


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[1])
    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context) as server:
        print("ready", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
