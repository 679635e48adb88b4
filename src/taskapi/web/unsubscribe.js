// Declining the mails of one kind: by a click of a person, since what opens links by itself must do nothing.

import { bind, declining, show } from "./mailed.js";
import { words } from "./words.js";

bind("decline", `unsubscribe?${new URLSearchParams({ token: declining })}`, () => ({}), words.decline_done);
show("decline");
