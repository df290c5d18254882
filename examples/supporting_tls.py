"""What the programs that speak TLS have in common: certificates from the command line."""

import argparse
import os
import sys

from trunkline import TLS


# [certificate]
def add_certificate(parser: argparse.ArgumentParser) -> None:
    """Let a server be told who it is."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--certificate", help="the file with the certificate (PEM)")
    group.add_argument(
        "--try-in",
        metavar="DIRECTORY",
        help="make a certificate of localhost in this directory, which is good for trying only",
    )
    parser.add_argument("--key", help="the file with its key, if that is another one")


def server_tls(chosen: argparse.Namespace) -> TLS:
    """Return how a server speaks, by what was said."""
    if chosen.certificate is not None:
        return TLS(certificate=chosen.certificate, key=chosen.key)
    try:
        from trunkline.testing.certificates import Authority
    except ModuleNotFoundError:
        sys.exit("This needs trustme: pip install 'trunkline[testing]'")
    os.makedirs(chosen.try_in, exist_ok=True)
    authority = Authority(chosen.try_in)
    print(f"Clients have to believe: {authority.certificate}")
    return authority.server_tls()


# [/certificate]


# [authority]
def add_authority(parser: argparse.ArgumentParser) -> None:
    """Let a client be told whom to believe."""
    parser.add_argument(
        "--authority", help="the file with whom to believe (PEM); otherwise whom the system does"
    )


def client_tls(chosen: argparse.Namespace) -> TLS:
    """Return how a client speaks, by what was said."""
    return TLS(authorities=chosen.authority)


# [/authority]
