"""``ListSubCustomers`` through the official SDK: the customers of a partner, page by page."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from invitekit.engine.datetimes import as_utc
from invitekit.errors import ArgumentError, SourceError
from invitekit.extras import require_extra
from invitekit.i18n import _, ngettext

ENDPOINT = "https://bss-intl.myhuaweicloud.com"
"""The international site; the Chinese one has the same interface at https://bss.myhuaweicloud.com."""
PAGE = 100
"""Customers a page, the most that the portal returns."""
RETRIES = 6
"""How often a request is repeated after throttling or a temporary error."""
FIRST_PAUSE = 0.5
"""Seconds before the first repetition; each later pause is twice as long [assumed]."""
_KEYS = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")
_TOKEN = "HUAWEICLOUD_SDK_SECURITY_TOKEN"  # noqa: S105 - the name of a variable
_TYPES = {"1": "referral", "2": "reseller", "3": "reseller"}
"""Association types: 2 is the reseller model of the Chinese site, 3 that of the international one."""
_RUN_AGAIN = _("run the same command again within the hour: it goes on where it stopped.")


class Page(NamedTuple):
    """Some customers as rows of ``customer_lists.COLUMNS``, and the number of all customers."""

    customers: list[tuple[Any, ...]]
    total: int


class HuaweiClient:
    """A connection to the portal with the keys in the environment, which are neither shown nor logged.

    Args:
        endpoint: The address of the interface.

    Raises:
        MissingExtraError: The SDK is not installed.
        ArgumentError: A key is not set, or the endpoint is not an encrypted address.
    """

    def __init__(self, endpoint: str = ENDPOINT) -> None:
        require_extra(
            "huawei", _("Asking the portal for your customers needs more libraries."), "huaweicloudsdkbssintl"
        )
        address = urlsplit(endpoint)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
            problem = _("The endpoint is not encrypted.")
            raise ArgumentError(problem, hint=_("use one that starts with https, as {endpoint}.", endpoint=ENDPOINT))
        if missing := [name for name in _KEYS if not os.environ.get(name)]:
            raise ArgumentError(
                ngettext("{names} is not set.", "{names} are not set.", len(missing), names=tuple(missing)),
                hint=_(
                    "set access key and secret key in the environment ({keys}; for temporary keys {token} too), "
                    "never as an option.",
                    keys=_KEYS,
                    token=_TOKEN,
                ),
            )
        from huaweicloudsdkbssintl.v2 import BssintlClient  # noqa: PLC0415 - the extra is optional
        from huaweicloudsdkcore.auth.credentials import GlobalCredentials  # noqa: PLC0415

        keys = GlobalCredentials(*(os.environ[name] for name in _KEYS), os.environ.get("HUAWEICLOUD_SDK_DOMAIN_ID"))
        if token := os.environ.get(_TOKEN):
            keys = keys.with_security_token(token)
        self.host = address.hostname or ""
        self._client = BssintlClient.new_builder().with_credentials(keys).with_endpoint(endpoint).build()

    def page(self, offset: int) -> Page:
        """Return the customers from an offset on; requests are repeated after temporary errors.

        Raises:
            SourceError: The portal rejects the keys or the request, keeps throttling, or cannot be reached.
        """
        from huaweicloudsdkbssintl.v2 import ListSubCustomersRequest, QuerySubCustomerListReq  # noqa: PLC0415
        from huaweicloudsdkcore.exceptions.exceptions import SdkException  # noqa: PLC0415
        from huaweicloudsdkcore.retry.backoff_strategy import BackoffStrategy  # noqa: PLC0415

        class ExponentialBackoff(BackoffStrategy):  # type: ignore[misc]  # the SDK has no types
            def calculate_retry_delay_millis(self, retries: int) -> int:
                return int(1000 * FIRST_PAUSE * 2 ** (retries - 1))

        request = ListSubCustomersRequest(body=QuerySubCustomerListReq(offset=offset, limit=PAGE))
        invoker = self._client.list_sub_customers_invoker(request)
        try:
            answer = invoker.with_retry(_is_temporary, RETRIES, ExponentialBackoff()).invoke()
            return Page([_row(customer) for customer in answer.customer_infos or []], int(answer.count or 0))
        except SdkException as error:
            raise self._source_error(error) from None

    def _source_error(self, error: Any) -> SourceError:
        """Return the error without the SDK's message, which may contain parts of the request."""
        status = getattr(error, "status_code", None)
        problem = _("{host} answers with an error ({status}).", host=self.host, status=status)
        hint = _("if that passes, {again}", again=_RUN_AGAIN)
        if status is None:
            problem = _("The connection to {host} failed.", host=self.host)
            hint = _("check the network, then {again}", again=_RUN_AGAIN)
        elif status in (401, 403):
            problem = _(
                "{host} rejects the keys ({status}): they are wrong, have expired, or may not list customers.",
                host=self.host, status=status,
            )  # fmt: skip
            hint = _("set new ones in the environment, then {again}", again=_RUN_AGAIN)
        elif status == 429:
            problem = _("{host} goes on throttling requests (429).", host=self.host)
            hint = _("wait a minute, then {again}", again=_RUN_AGAIN)
        return SourceError(problem, hint=hint)


def _is_temporary(_answer: Any, error: Any) -> bool:
    """Return whether an error may be temporary: throttling, a server error, a broken connection."""
    status = getattr(error, "status_code", None)
    return error is not None and (status is None or status == 429 or status >= 500)


def _row(customer: Any) -> tuple[Any, ...]:
    at = None
    with contextlib.suppress(ValueError):  # a customer on the list is associated, also at an unreadable time
        at = as_utc(dt.datetime.fromisoformat(customer.associated_on or ""))
    kind = _TYPES.get(str(customer.association_type))
    names = ("customer_id", "account_name", "customer", "email", "telephone")
    return (*(getattr(customer, name) for name in names), kind, at)
