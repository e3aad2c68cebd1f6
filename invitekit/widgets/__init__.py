"""The screens: explore records, choose whom to invite again, and export."""

from __future__ import annotations

from invitekit.extras import require_extra
from invitekit.i18n import _

require_extra("lab", _("The screens need more libraries."), "anywidget", "ipywidgets")
