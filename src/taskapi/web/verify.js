// Confirming an address, or having the mail sent again.

import { begin } from "./mailed.js";

begin({
  confirm: { path: "email/verify", body: () => ({}), done: "verify_done" },
  ask: { path: "email/resend", done: "resend_done" },
});
