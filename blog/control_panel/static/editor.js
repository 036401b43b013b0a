/* Starts the scripts of the edit page. Without them the page is a plain form that can do the same. */

import * as autosave from "./autosave.js";
import * as localCopy from "./local_copy.js";
import * as pictures from "./pictures.js";
import * as previewPane from "./preview_pane.js";
import * as submit from "./submit.js";
import * as tags from "./tags.js";
import * as toolbar from "./toolbar.js";
import * as wordCount from "./word_count.js";

for (const part of [localCopy, autosave, submit, pictures, toolbar, wordCount, tags, previewPane]) part.start();
