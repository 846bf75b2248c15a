// Pages without a model.

import { copyButtons, openForPrint, sortableTables, themeSwitch } from "./page.js";

themeSwitch(document.querySelector("header"));
copyButtons(document);
sortableTables(document);
openForPrint();
