"""Talk client: talks to itself, by way of the talk server."""

from supporting import HOST, run_client
from talk_server import TALK_PORT

from trunkline.dialects.lispworks import open_tcp_stream

MONOLOG = (
    "Hello self.",
    "Why don't you say something original?",
    "Talk to you later then. Bye.",
)


# [program]
def talking_to_myself(host: str = HOST, port: int = TALK_PORT) -> None:
    with open_tcp_stream(host, port) as talk:
        for monolog in MONOLOG:
            talk.write_line(monolog)
            talk.force_output()
            print(f'I said: "{monolog}"')
            print(f'Self replied: "{talk.read_line()}"')


# [/program]


if __name__ == "__main__":
    run_client(talking_to_myself, TALK_PORT)
