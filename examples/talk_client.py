"""Talk client: talks to itself, by way of the talk server."""

from supporting import HOST, parser_for, port_number, run
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


def main() -> None:
    parser = parser_for(talking_to_myself)
    parser.add_argument("--host", default=HOST, help="the server's name or address (%(default)s)")
    parser.add_argument(
        "--port", type=port_number, default=TALK_PORT, help="the server's port (%(default)s)"
    )
    chosen = parser.parse_args()
    run(lambda: talking_to_myself(chosen.host, chosen.port))


if __name__ == "__main__":
    main()
