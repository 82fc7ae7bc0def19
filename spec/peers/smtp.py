#!/usr/bin/env python3
"""A mail server made of aiosmtpd. It speaks TLS from the start on one port
and after STARTTLS, which it insists on, on another; there it also wants the
user "post" with the password "secret".

Prints "ready implicit=PORT starttls=PORT", then for each mail a line "mail
PORT from=ADDRESS to=[ADDRESS, ...] tls=VERSION user=NAME subject=TEXT". The
last part of the mail is in the file --keep.
"""
import argparse
import asyncio
import email
import ssl

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Handler:
    def __init__(self, keep):
        self.keep = keep

    async def handle_DATA(self, server, session, envelope):
        tls = server.transport.get_extra_info("ssl_object")
        mail = email.message_from_bytes(envelope.content)
        with open(self.keep, "wb") as file:
            file.write(list(mail.walk())[-1].get_payload(decode=True))
        print("mail", server.transport.get_extra_info("sockname")[1],
              "from=" + envelope.mail_from, "to=%s" % envelope.rcpt_tos,
              "tls=%s" % (tls and tls.version()),
              "user=%s" % session.auth_data, "subject=" + mail["subject"],
              flush=True)
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    good = isinstance(data, LoginPassword) \
        and data == LoginPassword(b"post", b"secret")
    return AuthResult(success=good, auth_data=good and data.login.decode())


async def serve(cert, keep):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)

    def implicit():
        return SMTP(Handler(keep), hostname="localhost")

    def starttls():
        return SMTP(Handler(keep), hostname="localhost", tls_context=context,
                    require_starttls=True, authenticator=authenticate,
                    auth_required=True)

    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(implicit, "127.0.0.1", 0, ssl=context),
        await loop.create_server(starttls, "127.0.0.1", 0)]
    ports = tuple(server.sockets[0].getsockname()[1] for server in servers)
    print("ready implicit=%d starttls=%d" % ports, flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


parser = argparse.ArgumentParser()
parser.add_argument("--cert", help="key and chain in one PEM file")
parser.add_argument("--keep", help="file")
arguments = parser.parse_args()
asyncio.run(serve(arguments.cert, arguments.keep))
