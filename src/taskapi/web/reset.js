// A new password, or the mail that leads to one.

import { begin } from "./mailed.js";

const password = document.getElementById("password");
document.getElementById("show").addEventListener("change", (event) => {
  password.type = event.target.checked ? "text" : "password";
});

begin({
  confirm: {
    path: "password/reset",
    body: (form) => ({ password: form.elements.password.value }),
    done: "reset_done",
  },
  ask: { path: "password/forgot", done: "forgot_done" },
});
