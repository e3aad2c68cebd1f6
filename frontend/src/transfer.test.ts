// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";
import type { PageRequest } from "./protocol.ts";
import { Answers } from "./transfer.ts";

test("only the tab that asked shows a list, and only once", () => {
  const asked: PageRequest[] = [];
  const answers = new Answers((request) => asked.push(request));
  const show = vi.fn();
  answers.list({ type: "get_rejected" }, show);
  const [question] = asked as [PageRequest & { request: string }];
  const listing = { type: "listing" as const, rows: [["acme"]], total: 1 };
  answers.received({ ...listing, request: "of another tab" });
  expect(show).not.toHaveBeenCalled();
  answers.received({ ...listing, request: question.request });
  answers.received({ ...listing, request: question.request });
  expect(show).toHaveBeenCalledExactlyOnceWith({ ...listing, request: question.request });
});
