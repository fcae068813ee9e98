"""ISO 20022 camt.053 (bank to customer statement): its booked entries as the lines of a statement.

Read are versions 02 to 13, by the local names of elements. XML that declares a document type is refused before anything
of it is expanded, and the parser neither resolves entities nor opens files or addresses. An entry that bundles several
transactions is as many lines when their amounts are told and add up to the entry's, otherwise one. Where opening and
closing balance are there, the entries must lead from one to the other: a line that is missing is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from lxml import etree

from energy.quantities import Money, QuantityError, total
from energy.statements import Statement, StatementLine, StatementUnreadable, numbered

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001."
_BOOKED = frozenset({"BOOK", ""})
_OPENING, _CLOSING = ("OPBD", "PRCD"), ("CLBD",)
_TEXTS = (
    "Refs/EndToEndId",
    "Refs/InstrId",
    "RmtInf/Ustrd",
    "RmtInf/Strd/CdtrRefInf/Ref",
    "RmtInf/Strd/RfrdDocInf/Nb",
    "RmtInf/Strd/AddtlRmtInf",
    "AddtlTxInf",
)
_UNTOLD = "NOTPROVIDED"


def read_camt053(content: bytes) -> tuple[Statement, ...]:
    """The statements of a document, each with its booked lines.

    Raises:
        StatementUnreadable: no such XML, an entry can not be read, or the balances do not fit.
    """
    root = _root(content)
    found = tuple(_statement(element) for element in _all(root, "BkToCstmrStmt/Stmt"))
    if not found:
        raise StatementUnreadable("the document has no statement (BkToCstmrStmt/Stmt)")
    return found


def _root(content: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StatementUnreadable(f"the file is no XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise StatementUnreadable("the XML declares a document type, which no statement needs")
    if not (etree.QName(root).namespace or "").startswith(_NAMESPACE):
        raise StatementUnreadable("the XML is no camt.053 statement")
    return root


def _statement(statement: etree._Element) -> Statement:
    account = _text(statement, "Acct/Id/IBAN") or _text(statement, "Acct/Id/Othr/Id") or None
    try:
        lines = tuple(line for entry in _all(statement, "Ntry") for line in _entry(entry))
        _check_balances(statement, lines)
    except (QuantityError, ValueError) as error:
        named = _text(statement, "Id")[:40]
        raise StatementUnreadable(f"statement {named}: {error}") from None
    return Statement(account, numbered(lines))


def _entry(entry: etree._Element) -> Iterator[StatementLine]:
    status = _text(entry, "Sts/Cd") or _text(entry, "Sts")
    if status not in _BOOKED:
        return
    amount, booked_on = _amount(entry), _date(entry)
    own_id, details = _text(entry, "AcctSvcrRef"), _all(entry, "NtryDtls/TxDtls")
    parts = [_part(detail, amount) for detail in details]
    told = [part for part in parts if part is not None]
    if len(details) > 1 and len(told) == len(details) and total(told, amount.currency) == amount:
        for index, (detail, part) in enumerate(zip(details, told, strict=True), start=1):
            line_id = _text(detail, "Refs/AcctSvcrRef") or (f"{own_id}-{index}" if own_id else "")
            yield _line(line_id, booked_on, part, entry, [detail])
    else:
        yield _line(own_id, booked_on, amount, entry, details)


def _line(
    line_id: str, booked_on: date, amount: Money, entry: etree._Element, details: list[etree._Element]
) -> StatementLine:
    texts = [text for detail in details for path in _TEXTS for text in _texts(detail, path)]
    texts += [_text(entry, "AddtlNtryInf"), _text(entry, "NtryRef")]
    other = "Dbtr" if amount.amount_minor > 0 else "Cdtr"
    paths = (f"RltdPties/{other}/Nm", f"RltdPties/{other}/Pty/Nm")
    names = [name for detail in details for path in paths for name in _texts(detail, path)]
    is_return = _text(entry, "RvslInd") == "true" or any(_all(detail, "RtrInf") for detail in details)
    shown = tuple(dict.fromkeys(text for text in texts if text and text != _UNTOLD))
    return StatementLine(line_id, booked_on, amount, shown, names[0] if names else None, is_return)


def _part(detail: etree._Element, whole: Money) -> Money | None:
    """The amount of one transaction of an entry, in the entry's direction and currency; None: it is not told so."""
    for path in ("Amt", "AmtDtls/TxAmt/Amt"):
        for element in _all(detail, path):
            if element.get("Ccy") == whole.currency:
                part = Money.parse((element.text or "").strip(), whole.currency)
                return part if whole.amount_minor >= 0 else -part
    return None


def _check_balances(statement: etree._Element, lines: tuple[StatementLine, ...]) -> None:
    opening, closing = _balance(statement, _OPENING), _balance(statement, _CLOSING)
    if opening is None or closing is None:
        return
    reached = opening + total([line.amount for line in lines], opening.currency)
    if reached != closing:
        told = f"its entries lead from {opening.text} to {reached.text}, and it closes with {closing.text}"
        raise ValueError(f"{told}: a line is missing")


def _balance(statement: etree._Element, codes: tuple[str, ...]) -> Money | None:
    found = {_text(balance, "Tp/CdOrPrtry/Cd"): balance for balance in reversed(_all(statement, "Bal"))}
    for code in codes:
        if code in found:
            return _amount(found[code])
    return None


def _amount(element: etree._Element) -> Money:
    written = _all(element, "Amt")
    if not written:
        raise ValueError("an entry or balance has no amount")
    amount = Money.parse((written[0].text or "").strip(), written[0].get("Ccy", ""))
    direction = _text(element, "CdtDbtInd")
    if direction not in {"CRDT", "DBIT"}:
        raise ValueError(f"an amount is CRDT or DBIT, not {direction[:10]!r}")
    return amount if direction == "CRDT" else -amount


def _date(entry: etree._Element) -> date:
    for path in ("BookgDt/Dt", "BookgDt/DtTm", "ValDt/Dt", "ValDt/DtTm"):
        text = _text(entry, path)
        if text:
            return date.fromisoformat(text[:10])
    raise ValueError("an entry has no date")


def _all(element: etree._Element, path: str) -> list[etree._Element]:
    """The elements below by local names, whatever version's namespace they have."""
    found = [element]
    for name in path.split("/"):
        found = [child for parent in found for child in parent.findall(f"{{*}}{name}")]
    return found


def _texts(element: etree._Element, path: str) -> list[str]:
    return [text for found in _all(element, path) if (text := (found.text or "").strip())]


def _text(element: etree._Element, path: str) -> str:
    found = _texts(element, path)
    return found[0] if found else ""
