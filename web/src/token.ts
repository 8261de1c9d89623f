/** The dialog that asks for a bearer token. */

import { byId } from "./dom";

let asked: Promise<string> | null = null;

/** Several requests that are refused at once ask only once. */
export function askForToken(): Promise<string> {
  asked ??= new Promise<string>((resolve) => {
    const dialog = byId("token-dialog", HTMLDialogElement);
    const input = byId("token-input", HTMLInputElement);
    input.value = "";
    dialog.oncancel = (event) => event.preventDefault();
    byId("token-form", HTMLFormElement).onsubmit = (event) => {
      event.preventDefault();
      dialog.close();
      asked = null;
      resolve(input.value.trim());
    };
    if (!dialog.open) dialog.showModal();
  });
  return asked;
}
