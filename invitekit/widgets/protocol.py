"""The messages between a screen and Python: requests of the browser, and their answers.

``make frontend`` writes ``frontend/src/protocol.ts`` from these classes, so the browser's code is checked against the
same fields. ``tests/test_protocol.py`` compares them with what the widgets receive and send.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from invitekit.i18n import Language

Value = str | None
FacetValue = str | int | None
"""A value to filter by; batches are numbers."""
Filter = dict[str, str | list[FacetValue]]
"""A ``Filter`` as plain values."""
Unit = Literal["rows", "invitations", "customers"]
Tab = Literal["pick", "explore", "export"]

# Parts of messages.


class Column(TypedDict):
    """A column of the grid."""

    name: str
    label: str
    kind: str
    shown: bool


class Chip(TypedDict):
    """One restriction of the filter, in words."""

    name: str
    words: str


class Facet(TypedDict):
    """The values of a column with their labels and counts; ``full`` if there may be more values than listed."""

    name: str
    label: str
    values: list[tuple[FacetValue, Value, int]]
    full: bool


class Batch(TypedDict):
    """A batch that was written; ``sent`` of its customers were invited by ``sent_at``, where it was marked as sent.

    ``off_list`` customers of one that was not are no longer among those to invite again.
    """

    batch_id: str
    batch: int
    kind: str
    files: list[str]
    customers: int
    written_at: str
    sent_at: Value
    sent_by: Value
    sent: int | None
    off_list: int


class GridState(TypedDict):
    """Everything about a view except its rows and counts."""

    columns: list[Column]
    column_order: list[str]
    total: int | None
    facts: dict[str, int]
    every_row: bool
    two_lines: bool
    grouped: bool
    only: str
    views: list[str]
    unit: Unit
    ready: bool
    filter: Filter
    acked: dict[str, int]
    chips: list[Chip]
    sort_by: str | None
    descending: bool
    unmasked: bool
    can_undo: bool
    # Of the picker only.
    tabs: NotRequired[list[tuple[str, str, int]]]
    workspace: NotRequired[bool]
    user: NotRequired[str]
    day: NotRequired[str | None]
    newest: NotRequired[str | None]
    unsent_batches: NotRequired[list[Batch]]
    sent_batches: NotRequired[list[Batch]]
    rules: NotRequired[dict[str, int | None]]
    rules_text: NotRequired[str]
    warnings: NotRequired[list[str]]
    held_for_own_account: NotRequired[int]
    own_account_marked: NotRequired[bool]


class Field(TypedDict):
    """A field of a record, for the details."""

    name: str
    label: str
    text: str


class Invitation(TypedDict):
    """An invitation of a customer; ``states`` are first snapshot, last snapshot, status and cause."""

    attempt: int | None
    sent_at: str | None
    method: str | None
    state: str | None
    states: list[list[Value]]


class Details(TypedDict):
    """One record with the invitations of its customer.

    ``messages`` are ready to send: language and text. ``sent`` are the marks as sent: day, person and batch.
    """

    key: int
    selectable: bool
    selected: bool
    messages: list[tuple[str, str]]
    sent: list[tuple[str, str, int]]
    fields: list[Field]
    codes: dict[str, Value]
    invitations: list[Invitation]


# From the browser: the grid.


class Connect(TypedDict):
    """A screen was opened, or waits for its first answer."""

    type: Literal["connect"]


class SetFilter(TypedDict):
    """Filter the rows; ``request`` numbers the filters of one screen."""

    type: Literal["set_filter"]
    filter: Filter
    screen: str
    request: int


class SetEveryRow(TypedDict):
    """Show every row of every file, or each invitation or customer once."""

    type: Literal["set_every_row"]
    every_row: bool


class SetOnlySelected(TypedDict):
    """Show only the selected rows, or all."""

    type: Literal["set_only_selected"]
    on: bool


class SetLayout(TypedDict):
    """Show rows of two lines or all columns, in groups or not."""

    type: Literal["set_layout"]
    two_lines: bool
    grouped: bool


class SearchFacet(TypedDict):
    """Search the values of a facet, as it may have more than are listed."""

    type: Literal["search_facet"]
    name: str
    text: str


class Sort(TypedDict):
    """Sort by a column; None is the original order."""

    type: Literal["sort"]
    by: str | None
    descending: bool


class GetPage(TypedDict):
    """Read rows, by their position."""

    type: Literal["get_page"]
    first: int
    count: int


class Select(TypedDict):
    """Change which rows are selected."""

    type: Literal["select"]
    version: int
    action: Literal["add", "remove", "add_range", "remove_range", "add_all", "remove_all", "clear", "undo"]
    keys: NotRequired[list[int]]
    start: NotRequired[int]
    end: NotRequired[int]


class SetMasking(TypedDict):
    """Show or hide numbers and addresses."""

    type: Literal["set_masking"]
    unmasked: bool
    first: int


class SetColumns(TypedDict):
    """Show other columns."""

    type: Literal["set_columns"]
    columns: list[str]
    first: int


class GetDetails(TypedDict):
    """Read one record with the invitations of its customer."""

    type: Literal["get_details"]
    key: int


class GetCrossfilter(TypedDict):
    """Read the sums by day that a brush is answered with."""

    type: Literal["get_crossfilter"]


class NamedView(TypedDict):
    """Save filter, order and columns under a name, or show them again."""

    type: Literal["save_view", "open_view"]
    name: str


GridRequest = (
    Connect | SetFilter | SetEveryRow | SetOnlySelected | SetLayout | SearchFacet | Sort | GetPage | Select | SetMasking
    | SetColumns | GetDetails | GetCrossfilter | NamedView
)  # fmt: skip
ExplorerRequest = GridRequest

# From the browser: the picker.


class PreviewRules(TypedDict):
    """Plan with other rules, and show the effect."""

    type: Literal["preview_rules"]
    rules: dict[str, int | None]


class PickerCommand(TypedDict):
    """A command without arguments.

    Use the rules whose effect was shown; freeze the selection, and show it before batches are written; or read the
    results of resent invitations.
    """

    type: Literal["apply_rules", "confirm", "get_outcomes"]


class WriteBatches(TypedDict):
    """Write batches of what was confirmed."""

    type: Literal["write_batches"]
    digest: str


class MarkSent(TypedDict):
    """Record that a batch was sent, but for the records that are named in ``left_out``."""

    type: Literal["mark_sent"]
    batch_id: str
    user: str
    day: str
    left_out: list[str]


class AboutBatch(TypedDict):
    """Read the customers of a batch, undo the mark that it was sent, or forget one that was not sent."""

    type: Literal["get_batch", "unmark_sent", "discard_batch"]
    batch_id: str


class MarkCustomer(TypedDict):
    """Record that a customer has done what the next step asked for, or must not be invited any more."""

    type: Literal["mark_resolved", "mark_do_not_invite"]
    version: int
    key: int
    day: str
    note: str
    user: str


class Unmark(TypedDict):
    """Undo the mark that a customer has resolved the failure, or must not be invited."""

    type: Literal["unmark"]
    version: int
    key: int
    user: str


class MarkOwnAccount(TypedDict):
    """Record that the partner's own account was changed."""

    type: Literal["mark_own_account"]
    day: str
    user: str


class UnmarkOwnAccount(TypedDict):
    """Undo the mark that the partner's own account was changed."""

    type: Literal["unmark_own_account"]
    user: str


PickerRequest = (
    GridRequest | PreviewRules | PickerCommand | WriteBatches | MarkSent | AboutBatch | MarkCustomer | Unmark
    | MarkOwnAccount | UnmarkOwnAccount
)  # fmt: skip

# To the browser: the grid. ``version`` is the number of the view that a message belongs to; sums by day belong to a
# filter, whatever the order of its rows.


class Init(TypedDict):
    """The words of the screen; ``groups`` are the heading of each group, and what to do with its rows."""

    type: Literal["init"]
    version: int
    groups: list[tuple[str, str]]
    words: dict[str, str]
    hints: dict[str, list[str]]
    language: Language


class State(GridState):
    """The view has changed."""

    type: Literal["state"]
    version: int


class Rows(TypedDict):
    """Rows of a view from ``first`` on: the texts of each column, and the codes of badges."""

    version: int
    unmasked: bool
    first: int
    cells: dict[str, list[Value]]
    codes: dict[str, list[Value]]


class Preview(Rows):
    """The first rows while all are being stored: to look at, not to select; they have no keys."""

    type: Literal["preview"]
    keys: list[None]


class Page(Rows):
    """Rows with their keys, and which of them are or can be selected."""

    type: Literal["page"]
    keys: list[int]
    selected: list[int]
    selectable: list[int]
    groups: NotRequired[list[int]]
    state: NotRequired[GridState]


class Counts(TypedDict):
    """The counts of a view; with ``filter`` and ``acked`` where they come before its page."""

    type: Literal["counts"]
    version: int
    total: int
    matched: int
    selectable: int
    selected: int
    hidden: int
    facets: list[Facet]
    groups: NotRequired[list[tuple[int, int]]]
    batches: NotRequired[int]
    days: NotRequired[list[tuple[str, int, int, int]]]
    filter: NotRequired[Filter]
    acked: NotRequired[dict[str, int]]


class Customers(TypedDict):
    """The number of customers in a view."""

    type: Literal["customers"]
    version: int
    customers: int


class Selected(TypedDict):
    """The selection has changed."""

    type: Literal["selected"]
    version: int
    selected: int
    hidden: int
    can_undo: bool
    batches: NotRequired[int]


class Progress(TypedDict):
    """A step of the preparation begins."""

    type: Literal["progress"]
    version: int
    step: str
    number: int
    steps: int


class RecordDetails(TypedDict):
    """One record; None if it is gone."""

    type: Literal["details"]
    version: int
    unmasked: bool
    details: Details | None


class FacetValues(TypedDict):
    """The values of a facet that contain a text."""

    type: Literal["facet_values"]
    version: int
    name: str
    text: str
    values: list[tuple[FacetValue, Value, int]]


class Crossfilter(TypedDict):
    """Sums by day for an undated filter; the numbers are in the buffer. Without days there were too many."""

    type: Literal["crossfilter"]
    filter: Filter
    days: NotRequired[list[str]]
    facets: NotRequired[list[Facet]]
    matched: NotRequired[int]


class Error(TypedDict):
    """A message could not be answered."""

    type: Literal["error"]
    version: int
    problem: str
    hint: str


GridResponse = (
    Init | State | Preview | Page | Counts | Customers | Selected | Progress | RecordDetails | FacetValues
    | Crossfilter | Error
)  # fmt: skip
ExplorerResponse = GridResponse

# To the browser: the picker.


class RulesEffect(TypedDict):
    """What other rules would change: label, number now, number then."""

    type: Literal["rules_effect"]
    version: int
    rows: list[tuple[str, int, int]]
    rules_text: str


class Confirmation(TypedDict):
    """What a person reads before batches are written."""

    type: Literal["confirmation"]
    version: int
    count: int
    digest: str
    folder: str
    in_open_batch: int
    batches: int
    groups: list[tuple[str, list[tuple[Value, int]]]]
    labels: list[str]
    rows: list[list[Value]]
    left_out: list[tuple[Value, int, bool]]


class BatchesWritten(TypedDict):
    """Batches were written: the files with their numbers of rows."""

    type: Literal["batches_written"]
    version: int
    customers: int
    files: list[tuple[str, int | None]]
    batch_ids: list[str]
    folder: str


class Outcomes(TypedDict):
    """The results of resent invitations."""

    type: Literal["outcomes"]
    version: int
    names: list[str]
    rows: list[list[str | int | None]]


class BatchCustomers(TypedDict):
    """The customers of a batch: record, name and account; those who were left out when it was marked as sent."""

    type: Literal["batch_customers"]
    version: int
    batch_id: str
    customers: list[tuple[str, Value, Value]]
    left_out: list[str]


PickerResponse = GridResponse | RulesEffect | Confirmation | BatchesWritten | Outcomes | BatchCustomers

# The export panel.


class Form(TypedDict):
    """What can be set in the export panel."""

    level: NotRequired[str]
    file: NotRequired[str]
    purpose: NotRequired[str]
    remarks: NotRequired[str]


class SetForm(Form):
    """Change the form."""

    type: Literal["set_form"]


class Export(Form):
    """Export what the form says."""

    type: Literal["export"]
    overwrite: bool


class Cancel(TypedDict):
    """Cancel the export."""

    type: Literal["cancel"]


class Verify(TypedDict):
    """Verify an export of the history again."""

    type: Literal["verify"]
    id: int


ExportRequest = Connect | SetForm | Export | Cancel | Verify


class LevelText(TypedDict):
    """An export level in words."""

    level: str
    name: str
    mark: str
    says: str


class ExportColumn(TypedDict):
    """What a column becomes, with a made-up example."""

    label: str
    action: str
    into: str | None
    made_up: str | None
    example: str | None
    kind: Literal["leaves", "left_out", "refused"]


class Trouble(TypedDict):
    """What is wrong, and what to do."""

    problem: str
    hint: str


class PastExport(TypedDict):
    """One export of the history."""

    id: int
    when: str
    status: str
    status_words: str
    level: str
    rows: str | None
    size: str | None
    file: str
    purpose: str | None
    sha256: str | None
    paths: list[str]
    missing: str


class ExportInit(TypedDict):
    """The words of the panel, and the user's home folder."""

    type: Literal["init"]
    words: dict[str, Any]
    levels: list[LevelText]
    language: Language
    home: str


class FormState(TypedDict):
    """The form, and what it means for each column."""

    type: Literal["form"]
    level: str
    file: str
    purpose: str
    remarks: str
    columns: list[ExportColumn]
    key: str
    problem: Trouble | None


class RecordCount(TypedDict):
    """The number of records."""

    type: Literal["count"]
    total: int
    words: str


class FileExists(TypedDict):
    """The export would replace a file."""

    type: Literal["file_exists"]
    file: str


class ExportProgress(TypedDict):
    """How far the export is."""

    type: Literal["progress"]
    step: Literal["preparing", "writing", "proving"]
    done: int
    total: int | None
    text: str
    left: str


class ExportProblem(Trouble):
    """The export failed."""

    type: Literal["problem"]


class Cancelled(TypedDict):
    """The export was cancelled."""

    type: Literal["cancelled"]


class ExportResult(TypedDict):
    """A file was exported."""

    type: Literal["result"]
    file: str
    paths: list[str]
    facts: list[str | None]
    still: str
    notes: list[str]
    passed: str
    checks: list[str]


class History(TypedDict):
    """The exports of the workspace; ``note`` is the word for why there are none."""

    type: Literal["history"]
    rows: list[PastExport] | None
    note: Literal["no_workspace", "no_reading", "no_history"]


class Verified(TypedDict):
    """An export of the history was verified."""

    type: Literal["verified"]
    id: int
    good: bool
    words: str


ExportResponse = (
    ExportInit | FormState | RecordCount | FileExists | ExportProgress | ExportProblem | Cancelled | ExportResult
    | History | Verified
)  # fmt: skip

# The page.


class SetLanguage(TypedDict):
    """Go on in another language."""

    type: Literal["set_language"]
    language: Language


class SetDay(TypedDict):
    """Plan for another day; an empty one is today, whenever that is."""

    type: Literal["set_day"]
    day: str


class PageCommand(TypedDict):
    """Close what is open, and choose other files; write sample exports, and open them; or remove the newest files."""

    type: Literal["choose_files", "try_sample", "take_out"]


class OpenFiles(TypedDict):
    """Open files that the page offered, and uploads with the day of their export if their name has none.

    They are added to the workspace of that name, which is made if it is missing; without a name they are only
    looked at.
    """

    type: Literal["open"]
    files: list[str]
    uploads: list[tuple[str, str | None]]
    workspace: str


class DiscardUpload(TypedDict):
    """Remove an upload that is not to be opened."""

    type: Literal["discard_upload"]
    id: str


class Answer(TypedDict):
    """The choice for a file that could not be read: headers by column, an encoding, or a day."""

    type: Literal["answer"]
    file: str
    kind: Literal["column", "encoding", "snapshot"]
    columns: NotRequired[dict[str, str]]
    encoding: NotRequired[str]
    day: NotRequired[str]


class AboutFile(TypedDict):
    """Leave out a file that could not be read, or delete the stored ones with its name and day, which it replaces."""

    type: Literal["dismiss", "replace_older"]
    file: str


class TeachWords(TypedDict):
    """Save the meaning of words, by column, and read the files again."""

    type: Literal["teach_words"]
    words: dict[str, dict[str, str]]


class SetReading(TypedDict):
    """Save how files are read, and read them again; an empty header removes the choice."""

    type: Literal["set_reading"]
    time_zone: str
    day_first: bool | None
    columns: dict[str, str]


class GetRejected(TypedDict):
    """Read which rows were not read, and why."""

    type: Literal["get_rejected"]
    request: str


class ShowChanged(TypedDict):
    """Show only the customers who have changed in one way since the snapshot before."""

    type: Literal["show_changed"]
    change: str


class AskDownload(TypedDict):
    """Write a file to download.

    ``name`` is a list such as ``shown.xlsx`` or a file of a batch: ``all`` for its whole folder, empty for
    its workbook.
    """

    type: Literal["download"]
    request: str
    what: Literal["list", "batch", "export", "rejected"]
    name: str
    tab: Tab
    batch_id: str


PageRequest = (
    Connect | SetLanguage | SetDay | PageCommand | OpenFiles | DiscardUpload | Answer | AboutFile | TeachWords
    | SetReading | GetRejected | ShowChanged | AskDownload
)  # fmt: skip


class UnknownColumn(TypedDict):
    """Unknown words of a column: each with its number and the likeliest value."""

    column: str
    label: str
    values: list[tuple[str, str]]
    words: list[tuple[str, int, str | None]]


class UnknownWords(TypedDict):
    """Words that no vocabulary has, and the number of records that have one."""

    records: int
    columns: list[UnknownColumn]


class Offered(TypedDict):
    """What can be opened."""

    files: list[str]
    workspaces: list[str]


class Question(TypedDict):
    """What can be chosen so that a file is read after all; columns have a name and a label."""

    kind: Literal["column", "encoding", "snapshot"]
    columns: list[tuple[str, str]]
    options: list[str]
    previews: list[list[str]]


class Unread(Trouble):
    """A file that could not be read."""

    file: str
    question: Question | None


class HowRead(TypedDict):
    """How files were read.

    ``without_offset`` and ``undecided`` count cells; ``headers`` are those that no column took, ``columns`` those that
    no header filled, ``chosen`` the header of each column that was chosen before, ``notes`` sentences on cells
    that were changed or may be damaged.
    """

    time_zone: str
    day_first: bool | None
    without_offset: int
    undecided: int
    headers: list[str]
    columns: list[tuple[str, str]]
    chosen: dict[str, str]
    notes: list[str]


class ChangeCounts(TypedDict):
    """How many customers changed between the two newest snapshots, by change, and how many could not be compared."""

    before: str
    after: str
    counts: list[tuple[str, int]]
    unmatched: int


class PageState(TypedDict):
    """What is open; ``run`` changes whenever something else is opened. Languages have their codes and own names."""

    type: Literal["state"]
    language: Language
    languages: dict[str, str]
    words: dict[str, str]
    status: Literal["choose", "loading", "open"]
    run: str
    offered: Offered
    files: NotRequired[list[str]]
    records: NotRequired[int]
    rejected: NotRequired[int]
    unknown: NotRequired[UnknownWords]
    added: NotRequired[list[tuple[str, bool]]]
    same_name: NotRequired[list[str]]
    same_content: NotRequired[list[tuple[str, str]]]
    new: NotRequired[int]
    failed: NotRequired[list[Unread]]
    reading: NotRequired[HowRead]
    changes: NotRequired[ChangeCounts]
    workspace: NotRequired[str | None]
    sample: NotRequired[bool]
    as_of: NotRequired[str]


class LoadProgress(TypedDict):
    """How far a file is read, in bytes."""

    type: Literal["progress"]
    file: str
    done: int
    total: int


class PageProblem(Trouble):
    """Something failed on the page, or in one of its tabs."""

    type: Literal["problem"]
    tab: str


class Listing(TypedDict):
    """The first rows of a list that was asked for, and the number of all."""

    type: Literal["listing"]
    request: str
    rows: list[list[Value]]
    total: int


class Download(TypedDict):
    """A file that can be fetched once."""

    type: Literal["download"]
    request: str
    id: str
    name: str


PageResponse = PageState | LoadProgress | PageProblem | Listing | Download
