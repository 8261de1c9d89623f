/** The dialog that asks for a bearer token. */

import { byId } from "./dom";

let asked: Promise<string> | null = null;

/** Several requests that are refused at once ask only once. */
export function askForToken(): Promise<string> {
  asked ??= new Promise<string>((resolve) => {
    const dialog = byId<HTMLDialogElement>("token-dialog");
    const input = byId<HTMLInputElement>("token-input");
    input.value = "";
    dialog.oncancel = (event) => event.preventDefault();
    byId<HTMLFormElement>("token-form").onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      asked = null;
      resolve(input.value.trim());
    };
    if (!dialog.open) dialog.showModal();
  });
  return asked;
}
