"""TLS for the listener and for calls to peers: version 1.2 or newer, certificates verified, files read at start."""

from __future__ import annotations

import ssl
from pathlib import Path

from node.settings import NodeSettings, TlsSettings
from protocol.errors import SettingsWrong


def server_context(tls: TlsSettings | None) -> ssl.SSLContext | None:
    """What a listener needs; None without TLS.

    Raises:
        SettingsWrong: a file can not be used, or client certificates are required but no CA is named.
    """
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_certificate(context, tls)
    if tls.client_ca is not None:
        _load_authorities(context, tls.client_ca, "tls.client_ca")
        context.verify_mode = ssl.CERT_REQUIRED if tls.require_client_certificate else ssl.CERT_OPTIONAL
    elif tls.require_client_certificate:
        raise SettingsWrong("tls.require_client_certificate needs tls.client_ca: say whose certificates are taken")
    return context


def client_context(settings: NodeSettings) -> ssl.SSLContext:
    """What calls need: the system's authorities and the network's own; our certificate for peers that ask for one.

    Raises:
        SettingsWrong: a file can not be used.
    """
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.network.ca_file is not None:
        _load_authorities(context, settings.network.ca_file, "network.ca_file")
    if settings.tls is not None:
        _load_certificate(context, settings.tls)
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsSettings) -> None:
    def no_passphrase() -> str:
        raise SettingsWrong(f"tls.key: {tls.key} is encrypted; it must be readable without a passphrase")

    try:
        context.load_cert_chain(tls.certificate, tls.key, password=no_passphrase)
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).lower().replace("_", " ")
        raise SettingsWrong(f"tls: {tls.certificate} with {tls.key}: {reason}") from None
    except OSError as error:
        raise SettingsWrong(f"tls: {tls.certificate} with {tls.key}: {error.strerror}") from None


def _load_authorities(context: ssl.SSLContext, file: Path, setting: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except ssl.SSLError:
        raise SettingsWrong(f"{setting}: {file} holds no certificates in PEM form") from None
    except OSError as error:
        raise SettingsWrong(f"{setting}: {file}: {error.strerror}") from None
