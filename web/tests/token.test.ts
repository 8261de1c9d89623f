import { beforeEach, expect, it } from "vitest";

import { byId } from "../src/dom";

let askForToken: () => Promise<string>;

beforeEach(async () => {
  ({ askForToken } = await import("../src/token"));
});

const dialog = (): HTMLDialogElement => byId("token-dialog", HTMLDialogElement);

function submit(value: string): void {
  byId("token-input", HTMLInputElement).value = value;
  byId("token-form").dispatchEvent(new Event("submit", { cancelable: true }));
}

it("gives what is typed, without spaces around it", async () => {
  const asked = askForToken();
  expect(dialog().open).toBe(true);
  submit("  secret \n");
  expect(await asked).toBe("secret");
  expect(dialog().open).toBe(false);
});

it("asks once for all who wait", async () => {
  const first = askForToken();
  expect(askForToken()).toBe(first);
  submit("secret");
  expect(await first).toBe("secret");
});

it("asks again later, with an empty field", async () => {
  const first = askForToken();
  submit("wrong");
  await first;
  const second = askForToken();
  expect(second).not.toBe(first);
  expect(dialog().open).toBe(true);
  expect(byId("token-input", HTMLInputElement).value).toBe("");
  submit("right");
  expect(await second).toBe("right");
});

it("cannot be cancelled, and the form is not sent", () => {
  void askForToken();
  const cancel = new Event("cancel", { cancelable: true });
  dialog().dispatchEvent(cancel);
  expect(cancel.defaultPrevented).toBe(true);
  const sent = new Event("submit", { cancelable: true });
  byId("token-form").dispatchEvent(sent);
  expect(sent.defaultPrevented).toBe(true);
});
