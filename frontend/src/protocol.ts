// Written by frontend/write_protocol.py from invitekit/widgets/protocol.py: change it there.

/** A column of the grid. */
export interface Column {
  name: string;
  label: string;
  kind: string;
  shown: boolean;
}

/** One restriction of the filter, in words. */
export interface Chip {
  name: string;
  words: string;
}

/** The values of a column with their labels and counts; ``full`` if there may be more values than listed. */
export interface Facet {
  name: string;
  label: string;
  values: ([string | number | null, string | null, number])[];
  full: boolean;
}

/** A batch that was written; ``sent`` of its customers were invited by ``sent_at``, where it was marked as sent.

    ``off_list`` customers of one that was not are no longer among those to invite again.
     */
export interface Batch {
  batch_id: string;
  batch: number;
  kind: string;
  files: string[];
  customers: number;
  written_at: string;
  sent_at: string | null;
  sent_by: string | null;
  sent: number | null;
  off_list: number;
}

/** Everything about a view except its rows and counts. */
export interface GridState {
  columns: Column[];
  column_order: string[];
  total: number | null;
  facts: Record<string, number>;
  every_row: boolean;
  two_lines: boolean;
  grouped: boolean;
  only: string;
  views: string[];
  unit: "rows" | "invitations" | "customers";
  ready: boolean;
  filter: Record<string, string | (string | number | null)[]>;
  acked: Record<string, number>;
  chips: Chip[];
  sort_by: string | null;
  descending: boolean;
  unmasked: boolean;
  can_undo: boolean;
  tabs?: [string, string, number][];
  workspace?: boolean;
  user?: string;
  day?: string | null;
  newest?: string | null;
  unsent_batches?: Batch[];
  sent_batches?: Batch[];
  rules?: Record<string, number | null>;
  rules_text?: string;
  warnings?: string[];
  held_for_own_account?: number;
  own_account_marked?: boolean;
}

/** A field of a record, for the details. */
export interface Field {
  name: string;
  label: string;
  text: string;
}

/** An invitation of a customer; ``states`` are first snapshot, last snapshot, status and cause. */
export interface Invitation {
  attempt: number | null;
  sent_at: string | null;
  method: string | null;
  state: string | null;
  states: ((string | null)[])[];
}

/** One record with the invitations of its customer.

    ``messages`` are ready to send: language and text. ``sent`` are the marks as sent: day, person and batch.
     */
export interface Details {
  key: number;
  selectable: boolean;
  selected: boolean;
  messages: [string, string][];
  sent: [string, string, number][];
  fields: Field[];
  codes: Record<string, string | null>;
  invitations: Invitation[];
}

/** A screen was opened, or waits for its first answer. */
export interface Connect {
  type: "connect";
}

/** Filter the rows; ``request`` numbers the filters of one screen. */
export interface SetFilter {
  type: "set_filter";
  filter: Record<string, string | (string | number | null)[]>;
  screen: string;
  request: number;
}

/** Show every row of every file, or each invitation or customer once. */
export interface SetEveryRow {
  type: "set_every_row";
  every_row: boolean;
}

/** Show only the selected rows, or all. */
export interface SetOnlySelected {
  type: "set_only_selected";
  on: boolean;
}

/** Show rows of two lines or all columns, in groups or not. */
export interface SetLayout {
  type: "set_layout";
  two_lines: boolean;
  grouped: boolean;
}

/** Search the values of a facet, as it may have more than are listed. */
export interface SearchFacet {
  type: "search_facet";
  name: string;
  text: string;
}

/** Sort by a column; None is the original order. */
export interface Sort {
  type: "sort";
  by: string | null;
  descending: boolean;
}

/** Read rows, by their position. */
export interface GetPage {
  type: "get_page";
  first: number;
  count: number;
}

/** Change which rows are selected. */
export interface Select {
  type: "select";
  version: number;
  action: "add" | "remove" | "add_range" | "remove_range" | "add_all" | "remove_all" | "clear" | "undo";
  keys?: number[];
  start?: number;
  end?: number;
}

/** Show or hide numbers and addresses. */
export interface SetMasking {
  type: "set_masking";
  unmasked: boolean;
  first: number;
}

/** Show other columns. */
export interface SetColumns {
  type: "set_columns";
  columns: string[];
  first: number;
}

/** Read one record with the invitations of its customer. */
export interface GetDetails {
  type: "get_details";
  key: number;
}

/** Read the sums by day that a brush is answered with. */
export interface GetCrossfilter {
  type: "get_crossfilter";
}

/** Save filter, order and columns under a name, or show them again. */
export interface NamedView {
  type: "save_view" | "open_view";
  name: string;
}

export type GridRequest = Connect | SetFilter | SetEveryRow | SetOnlySelected | SetLayout | SearchFacet | Sort | GetPage | Select | SetMasking | SetColumns | GetDetails | GetCrossfilter | NamedView;

export type ExplorerRequest = Connect | SetFilter | SetEveryRow | SetOnlySelected | SetLayout | SearchFacet | Sort | GetPage | Select | SetMasking | SetColumns | GetDetails | GetCrossfilter | NamedView;

/** Plan with other rules, and show the effect. */
export interface PreviewRules {
  type: "preview_rules";
  rules: Record<string, number | null>;
}

/** A command without arguments.

    Use the rules whose effect was shown; freeze the selection, and show it before batches are written; or read the
    results of resent invitations.
     */
export interface PickerCommand {
  type: "apply_rules" | "confirm" | "get_outcomes";
}

/** Write batches of what was confirmed. */
export interface WriteBatches {
  type: "write_batches";
  digest: string;
}

/** Record that a batch was sent, but for the records that are named in ``left_out``. */
export interface MarkSent {
  type: "mark_sent";
  batch_id: string;
  user: string;
  day: string;
  left_out: string[];
}

/** Read the customers of a batch, undo the mark that it was sent, or forget one that was not sent. */
export interface AboutBatch {
  type: "get_batch" | "unmark_sent" | "discard_batch";
  batch_id: string;
}

/** Record that a customer has done what the next step asked for, or must not be invited any more. */
export interface MarkCustomer {
  type: "mark_resolved" | "mark_do_not_invite";
  version: number;
  key: number;
  day: string;
  note: string;
  user: string;
}

/** Undo the mark that a customer has resolved the failure, or must not be invited. */
export interface Unmark {
  type: "unmark";
  version: number;
  key: number;
  user: string;
}

/** Record that the partner's own account was changed. */
export interface MarkOwnAccount {
  type: "mark_own_account";
  day: string;
  user: string;
}

/** Undo the mark that the partner's own account was changed. */
export interface UnmarkOwnAccount {
  type: "unmark_own_account";
  user: string;
}

export type PickerRequest = Connect | SetFilter | SetEveryRow | SetOnlySelected | SetLayout | SearchFacet | Sort | GetPage | Select | SetMasking | SetColumns | GetDetails | GetCrossfilter | NamedView | PreviewRules | PickerCommand | WriteBatches | MarkSent | AboutBatch | MarkCustomer | Unmark | MarkOwnAccount | UnmarkOwnAccount;

/** The words of the screen; ``groups`` are the heading of each group, and what to do with its rows. */
export interface Init {
  type: "init";
  version: number;
  groups: [string, string][];
  words: Record<string, string>;
  hints: Record<string, string[]>;
  language: string;
}

/** The view has changed. */
export interface State {
  type: "state";
  columns: Column[];
  column_order: string[];
  total: number | null;
  facts: Record<string, number>;
  every_row: boolean;
  two_lines: boolean;
  grouped: boolean;
  only: string;
  views: string[];
  unit: "rows" | "invitations" | "customers";
  ready: boolean;
  filter: Record<string, string | (string | number | null)[]>;
  acked: Record<string, number>;
  chips: Chip[];
  sort_by: string | null;
  descending: boolean;
  unmasked: boolean;
  can_undo: boolean;
  tabs?: [string, string, number][];
  workspace?: boolean;
  user?: string;
  day?: string | null;
  newest?: string | null;
  unsent_batches?: Batch[];
  sent_batches?: Batch[];
  rules?: Record<string, number | null>;
  rules_text?: string;
  warnings?: string[];
  held_for_own_account?: number;
  own_account_marked?: boolean;
  version: number;
}

/** Rows of a view from ``first`` on: the texts of each column, and the codes of badges. */
export interface Rows {
  version: number;
  unmasked: boolean;
  first: number;
  cells: Record<string, (string | null)[]>;
  codes: Record<string, (string | null)[]>;
}

/** The first rows while all are being stored: to look at, not to select; they have no keys. */
export interface Preview {
  type: "preview";
  version: number;
  unmasked: boolean;
  first: number;
  cells: Record<string, (string | null)[]>;
  codes: Record<string, (string | null)[]>;
  keys: null[];
}

/** Rows with their keys, and which of them are or can be selected. */
export interface Page {
  type: "page";
  version: number;
  unmasked: boolean;
  first: number;
  cells: Record<string, (string | null)[]>;
  codes: Record<string, (string | null)[]>;
  keys: number[];
  selected: number[];
  selectable: number[];
  groups?: number[];
  state?: GridState;
}

/** The counts of a view; with ``filter`` and ``acked`` where they come before its page. */
export interface Counts {
  type: "counts";
  version: number;
  total: number;
  matched: number;
  selectable: number;
  selected: number;
  hidden: number;
  facets: Facet[];
  groups?: [number, number][];
  batches?: number;
  days?: [string, number, number, number][];
  filter?: Record<string, string | (string | number | null)[]>;
  acked?: Record<string, number>;
}

/** The number of customers in a view. */
export interface Customers {
  type: "customers";
  version: number;
  customers: number;
}

/** The selection has changed. */
export interface Selected {
  type: "selected";
  version: number;
  selected: number;
  hidden: number;
  can_undo: boolean;
  batches?: number;
}

/** A step of the preparation begins. */
export interface Progress {
  type: "progress";
  version: number;
  step: string;
  number: number;
  steps: number;
}

/** One record; None if it is gone. */
export interface RecordDetails {
  type: "details";
  version: number;
  unmasked: boolean;
  details: Details | null;
}

/** The values of a facet that contain a text. */
export interface FacetValues {
  type: "facet_values";
  version: number;
  name: string;
  text: string;
  values: ([string | number | null, string | null, number])[];
}

/** Sums by day for an undated filter; the numbers are in the buffer. Without days there were too many. */
export interface Crossfilter {
  type: "crossfilter";
  filter: Record<string, string | (string | number | null)[]>;
  days?: string[];
  facets?: Facet[];
  matched?: number;
}

/** A message could not be answered. */
export interface Error {
  type: "error";
  version: number;
  problem: string;
  hint: string;
}

export type GridResponse = Init | State | Preview | Page | Counts | Customers | Selected | Progress | RecordDetails | FacetValues | Crossfilter | Error;

export type ExplorerResponse = Init | State | Preview | Page | Counts | Customers | Selected | Progress | RecordDetails | FacetValues | Crossfilter | Error;

/** What other rules would change: label, number now, number then. */
export interface RulesEffect {
  type: "rules_effect";
  version: number;
  rows: [string, number, number][];
  rules_text: string;
}

/** What a person reads before batches are written. */
export interface Confirmation {
  type: "confirmation";
  version: number;
  count: number;
  digest: string;
  folder: string;
  in_open_batch: number;
  batches: number;
  groups: ([string, ([string | null, number])[]])[];
  labels: string[];
  rows: ((string | null)[])[];
  left_out: ([string | null, number, boolean])[];
}

/** Batches were written: the files with their numbers of rows. */
export interface BatchesWritten {
  type: "batches_written";
  version: number;
  customers: number;
  files: ([string, number | null])[];
  batch_ids: string[];
  folder: string;
}

/** The results of resent invitations. */
export interface Outcomes {
  type: "outcomes";
  version: number;
  names: string[];
  rows: ((string | number | null)[])[];
}

/** The customers of a batch: record, name and account; those who were left out when it was marked as sent. */
export interface BatchCustomers {
  type: "batch_customers";
  version: number;
  batch_id: string;
  customers: ([string, string | null, string | null])[];
  left_out: string[];
}

export type PickerResponse = Init | State | Preview | Page | Counts | Customers | Selected | Progress | RecordDetails | FacetValues | Crossfilter | Error | RulesEffect | Confirmation | BatchesWritten | Outcomes | BatchCustomers;

/** What can be set in the export panel. */
export interface Form {
  level?: string;
  file?: string;
  purpose?: string;
  remarks?: string;
}

/** Change the form. */
export interface SetForm {
  type: "set_form";
  level?: string;
  file?: string;
  purpose?: string;
  remarks?: string;
}

/** Export what the form says. */
export interface Export {
  type: "export";
  level?: string;
  file?: string;
  purpose?: string;
  remarks?: string;
  overwrite: boolean;
}

/** Cancel the export. */
export interface Cancel {
  type: "cancel";
}

/** Verify an export of the history again. */
export interface Verify {
  type: "verify";
  id: number;
}

export type ExportRequest = Connect | SetForm | Export | Cancel | Verify;

/** An export level in words. */
export interface LevelText {
  level: string;
  name: string;
  mark: string;
  says: string;
}

/** What a column becomes, with a made-up example. */
export interface ExportColumn {
  label: string;
  action: string;
  into: string | null;
  made_up: string | null;
  example: string | null;
  kind: "leaves" | "left_out" | "refused";
}

/** What is wrong, and what to do. */
export interface Trouble {
  problem: string;
  hint: string;
}

/** One export of the history. */
export interface PastExport {
  id: number;
  when: string;
  status: string;
  status_words: string;
  level: string;
  rows: string | null;
  size: string | null;
  file: string;
  purpose: string | null;
  sha256: string | null;
  paths: string[];
  missing: string;
}

/** The words of the panel, and the user's home folder. */
export interface ExportInit {
  type: "init";
  words: Record<string, unknown>;
  levels: LevelText[];
  language: string;
  home: string;
}

/** The form, and what it means for each column. */
export interface FormState {
  type: "form";
  level: string;
  file: string;
  purpose: string;
  remarks: string;
  columns: ExportColumn[];
  key: string;
  problem: Trouble | null;
}

/** The number of records. */
export interface RecordCount {
  type: "count";
  total: number;
  words: string;
}

/** The export would replace a file. */
export interface FileExists {
  type: "file_exists";
  file: string;
}

/** How far the export is. */
export interface ExportProgress {
  type: "progress";
  step: "preparing" | "writing" | "proving";
  done: number;
  total: number | null;
  text: string;
  left: string;
}

/** The export failed. */
export interface ExportProblem {
  type: "problem";
  problem: string;
  hint: string;
}

/** The export was cancelled. */
export interface Cancelled {
  type: "cancelled";
}

/** A file was exported. */
export interface ExportResult {
  type: "result";
  file: string;
  paths: string[];
  facts: (string | null)[];
  still: string;
  notes: string[];
  passed: string;
  checks: string[];
}

/** The exports of the workspace; ``note`` is the word for why there are none. */
export interface History {
  type: "history";
  rows: PastExport[] | null;
  note: "no_workspace" | "no_reading" | "no_history";
}

/** An export of the history was verified. */
export interface Verified {
  type: "verified";
  id: number;
  good: boolean;
  words: string;
}

export type ExportResponse = ExportInit | FormState | RecordCount | FileExists | ExportProgress | ExportProblem | Cancelled | ExportResult | History | Verified;

/** Go on in another language. */
export interface SetLanguage {
  type: "set_language";
  language: string;
}

/** Plan for another day; an empty one is today, whenever that is. */
export interface SetDay {
  type: "set_day";
  day: string;
}

/** Close what is open, and choose other files; write sample exports, and open them; or remove the newest files. */
export interface PageCommand {
  type: "choose_files" | "try_sample" | "take_out";
}

/** Open files that the page offered, and uploads with the day of their export if their name has none.

    They are added to the workspace of that name, which is made if it is missing; without a name they are only
    looked at.
     */
export interface OpenFiles {
  type: "open";
  files: string[];
  uploads: ([string, string | null])[];
  workspace: string;
}

/** Remove an upload that is not to be opened. */
export interface DiscardUpload {
  type: "discard_upload";
  id: string;
}

/** The choice for a file that could not be read: headers by column, an encoding, or a day. */
export interface Answer {
  type: "answer";
  file: string;
  kind: "column" | "encoding" | "snapshot";
  columns?: Record<string, string>;
  encoding?: string;
  day?: string;
}

/** Leave out a file that could not be read, or delete the stored ones with its name and day, which it replaces. */
export interface AboutFile {
  type: "dismiss" | "replace_older";
  file: string;
}

/** Save the meaning of words, by column, and read the files again. */
export interface TeachWords {
  type: "teach_words";
  words: Record<string, Record<string, string>>;
}

/** Save how files are read, and read them again; an empty header removes the choice. */
export interface SetReading {
  type: "set_reading";
  time_zone: string;
  day_first: boolean | null;
  columns: Record<string, string>;
}

/** Read which rows were not read, and why. */
export interface GetRejected {
  type: "get_rejected";
  request: string;
}

/** Show only the customers who have changed in one way since the snapshot before. */
export interface ShowChanged {
  type: "show_changed";
  change: string;
}

/** Write a file to download.

    ``name`` is a list such as ``shown.xlsx`` or a file of a batch: ``all`` for its whole folder, empty for
    its workbook.
     */
export interface AskDownload {
  type: "download";
  request: string;
  what: "list" | "batch" | "export" | "rejected";
  name: string;
  tab: "pick" | "explore" | "export";
  batch_id: string;
}

export type PageRequest = Connect | SetLanguage | SetDay | PageCommand | OpenFiles | DiscardUpload | Answer | AboutFile | TeachWords | SetReading | GetRejected | ShowChanged | AskDownload;

/** Unknown words of a column: each with its number and the likeliest value. */
export interface UnknownColumn {
  column: string;
  label: string;
  values: [string, string][];
  words: ([string, number, string | null])[];
}

/** Words that no vocabulary has, and the number of records that have one. */
export interface UnknownWords {
  records: number;
  columns: UnknownColumn[];
}

/** What can be opened. */
export interface Offered {
  files: string[];
  workspaces: string[];
}

/** What can be chosen so that a file is read after all; columns have a name and a label. */
export interface Question {
  kind: "column" | "encoding" | "snapshot";
  columns: [string, string][];
  options: string[];
  previews: string[][];
}

/** A file that could not be read. */
export interface Unread {
  problem: string;
  hint: string;
  file: string;
  question: Question | null;
}

/** How files were read.

    ``without_offset`` and ``undecided`` count cells; ``headers`` are those that no column took, ``columns`` those that
    no header filled, ``chosen`` the header of each column that was chosen before, ``notes`` sentences on cells
    that were changed or may be damaged.
     */
export interface HowRead {
  time_zone: string;
  day_first: boolean | null;
  without_offset: number;
  undecided: number;
  headers: string[];
  columns: [string, string][];
  chosen: Record<string, string>;
  notes: string[];
}

/** How many customers changed between the two newest snapshots, by change, and how many could not be compared. */
export interface ChangeCounts {
  before: string;
  after: string;
  counts: [string, number][];
  unmatched: number;
}

/** What is open; ``run`` changes whenever something else is opened. Languages have their codes and own names. */
export interface PageState {
  type: "state";
  language: string;
  languages: Record<string, string>;
  words: Record<string, string>;
  status: "choose" | "loading" | "open";
  run: string;
  offered: Offered;
  files?: string[];
  records?: number;
  rejected?: number;
  unknown?: UnknownWords;
  added?: [string, boolean][];
  same_name?: string[];
  same_content?: [string, string][];
  new?: number;
  failed?: Unread[];
  reading?: HowRead;
  changes?: ChangeCounts;
  workspace?: string | null;
  sample?: boolean;
  as_of?: string;
}

/** How far a file is read, in bytes. */
export interface LoadProgress {
  type: "progress";
  file: string;
  done: number;
  total: number;
}

/** Something failed on the page, or in one of its tabs. */
export interface PageProblem {
  type: "problem";
  problem: string;
  hint: string;
  tab: string;
}

/** The first rows of a list that was asked for, and the number of all. */
export interface Listing {
  type: "listing";
  request: string;
  rows: ((string | null)[])[];
  total: number;
}

/** A file that can be fetched once. */
export interface Download {
  type: "download";
  request: string;
  id: string;
  name: string;
}

export type PageResponse = PageState | LoadProgress | PageProblem | Listing | Download;

export type Word = "about" | "add_title" | "add_to_batch" | "again_from" | "all_columns" | "all_customers" | "all_customers_one" | "all_fields" | "all_invitations" | "all_invitations_one" | "all_of_them" | "all_of_them_one" | "all_rows" | "all_rows_one" | "among_customers" | "apply" | "asked_on" | "associated" | "attempt" | "attempt_not_sent" | "batch_size" | "batch_title" | "breakdown" | "by" | "c_column" | "c_file" | "c_reason" | "c_row" | "cancel" | "ch_appeared" | "ch_appeared_why" | "ch_became_associated" | "ch_became_associated_why" | "ch_cause_changed" | "ch_cause_changed_why" | "ch_newly_failed" | "ch_newly_failed_why" | "ch_row_rejected" | "ch_row_rejected_why" | "ch_vanished" | "ch_vanished_why" | "chance" | "change_rules" | "changed_since" | "choose_files" | "choose_how" | "clear" | "close" | "close_open" | "column_failure_code" | "columns" | "confirm" | "confirm_one" | "cool_down_days" | "copied" | "copy" | "copy_message" | "customer" | "day_order" | "days_ago" | "days_ago_one" | "decisions" | "details" | "discard" | "discard_title" | "discard_why" | "do_not_invite" | "done_on" | "download" | "download_all" | "download_csv" | "drop_from" | "drop_here" | "drop_why" | "effect" | "effect_title" | "effect_wait" | "empty" | "every_row" | "every_row_hint" | "exported" | "exported_on" | "eye_closed" | "eye_open" | "failed" | "failed_badge" | "files" | "files_added" | "files_added_one" | "files_known" | "files_known_one" | "filter_cause" | "filter_manager" | "filter_method" | "filter_status" | "filters" | "find" | "first" | "fixable" | "from" | "go" | "group_by_reason" | "header_is" | "headers_title" | "hidden" | "hide" | "history" | "hits" | "hits_in" | "how_read" | "how_read_why" | "in_file" | "in_folder" | "in_workspace" | "invitations" | "keep" | "keep_extra" | "keep_in" | "keep_why" | "kernel_lost" | "known" | "known_one" | "last_invited" | "last_outcome" | "leave_out" | "leave_out_file" | "leave_out_some" | "left_out" | "link_life_days" | "list_again" | "list_again_one" | "list_all" | "list_all_one" | "list_associated" | "list_associated_one" | "list_blocked" | "list_blocked_one" | "list_check" | "list_check_one" | "list_customer" | "list_customer_one" | "list_selected" | "list_selected_one" | "list_sent" | "list_sent_one" | "list_some" | "list_some_one" | "list_support" | "list_support_one" | "list_unsent" | "list_unsent_one" | "list_valid" | "list_valid_one" | "listed" | "loading" | "lost" | "lost_hint" | "manager" | "mark_done" | "mark_sent" | "marked_sent" | "masked" | "masked_before" | "masked_before_one" | "masked_one" | "max_attempts" | "more" | "more_filters" | "n_batches" | "n_batches_one" | "n_files" | "n_left_out" | "n_of" | "n_rejected" | "n_rejected_one" | "n_shown" | "n_with_status" | "name" | "needs_day" | "new_workspace" | "newest" | "next" | "no_cause" | "no_failure" | "no_files" | "no_memory" | "no_outcomes" | "no_records" | "no_rows" | "no_unsent" | "none" | "none_filter" | "not_chosen" | "not_compared" | "not_compared_one" | "not_only_selected" | "not_sent" | "not_there" | "note" | "nothing_changed" | "now" | "o_associated" | "o_expired" | "o_failed_again" | "o_not_seen" | "o_open" | "of_customers" | "of_rows" | "off_list" | "on_day" | "only_look" | "only_selected" | "open_files" | "open_other" | "order_auto" | "order_day" | "order_month" | "others" | "own_account" | "own_account_held" | "own_account_held_one" | "own_account_one" | "own_account_undo" | "own_account_why" | "own_name" | "personal" | "plan_for" | "planning" | "preparing" | "q_column" | "q_column_why" | "q_encoding" | "q_encoding_why" | "q_snapshot" | "q_snapshot_why" | "rail_batches" | "rail_closer" | "rail_nothing" | "rail_todo" | "read_headers" | "read_headers_one" | "read_order" | "read_order_one" | "read_zone" | "read_zone_one" | "reading_files" | "recent" | "rejected_why" | "remove" | "remove_from_batch" | "replace_older" | "reset" | "retry" | "review_and_write" | "run_cell" | "same_content" | "same_name" | "sample_data" | "save" | "save_done" | "search" | "section_again" | "section_all" | "section_associated" | "section_blocked" | "section_check" | "section_customer" | "section_sent" | "section_support" | "section_unsent" | "section_valid" | "sections" | "select_all" | "selected" | "selected_xlsx" | "selection" | "sent" | "sent_by" | "sent_by_one" | "sent_on" | "sent_why" | "show" | "shown_csv" | "shown_xlsx" | "some_customers" | "some_invitations" | "some_rows" | "sort" | "step" | "step_annotate" | "step_delete" | "step_log" | "step_open" | "step_plan" | "step_resolve" | "step_search" | "step_send" | "step_store" | "tab_explore" | "tab_export" | "take_back" | "take_out" | "take_out_one" | "then" | "time_zone" | "title" | "to" | "to_batches" | "today" | "trend" | "try_sample" | "undo" | "unmark_sent" | "unsent_why" | "upload_failed" | "views" | "were_left_out" | "words_leave" | "words_likely" | "words_rows" | "words_rows_one" | "words_save" | "words_say" | "words_title" | "words_unknown" | "words_unknown_one" | "words_why" | "workspace" | "workspace_name" | "write" | "write_one" | "writing" | "written" | "written_on" | "written_one";

export type ExportWord = "becomes" | "cancel" | "cancelled" | "cancelling" | "column" | "columns" | "done" | "download" | "drop" | "empty" | "exists" | "export" | "failed" | "failed_hint" | "file" | "file_head" | "format" | "gone" | "held" | "history" | "keep" | "key" | "key_kept" | "key_kept_unused" | "key_thrown" | "key_thrown_unused" | "later" | "left" | "level" | "level_head" | "made_up" | "made_up_note" | "minutes" | "name" | "no_history" | "no_reading" | "no_workspace" | "none" | "nulled" | "passed" | "preparing" | "proving" | "publish" | "purpose" | "purpose_note" | "remarks" | "replace" | "replaced" | "rows" | "rows_head" | "scrub" | "scrub_note" | "seconds" | "sha256" | "size" | "status" | "still" | "title" | "verified" | "verify" | "verifying" | "when" | "where" | "writing";

/** The decisions of each list of customers. */
export const LISTS = {"again": ["resend_now", "resend_as_reseller"], "customer": ["wait_for_customer"], "support": ["contact_support"], "check": ["review"], "valid": ["wait_for_expiry", "wait_for_cooldown"], "blocked": ["blocked"]};

/** The files that can be opened. */
export const FILE_TYPES = [".csv", ".tsv", ".txt", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".parquet", ".pq", ".json", ".jsonl", ".ndjson", ".gz", ".zip"];
