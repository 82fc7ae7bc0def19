"""Joins connections two by two, in the order in which they come: what one sends the other gets, its end too. Where
one cannot be written to any more both are reset. For hosts that connect but do not accept."""
import asyncio

waiting = []


async def carry(reader, writer, back):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()
        back.transport.abort()


async def join(one, other):
    await asyncio.gather(carry(one[0], other[1], one[1]), carry(other[0], one[1], other[1]))
    one[1].close()
    other[1].close()


async def accept(reader, writer):
    waiting.append((reader, writer))
    if len(waiting) == 2:
        pair = waiting[:]
        waiting.clear()
        await join(*pair)


async def main():
    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
