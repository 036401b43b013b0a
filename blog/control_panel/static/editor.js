/* The edit page with scripts. Without them it is a form that does all the same. */

import * as beside from "./beside.js";
import * as counting from "./counting.js";
import * as keeping from "./keeping.js";
import * as leaving from "./leaving.js";
import * as marks from "./marks.js";
import * as pictures from "./pictures.js";
import * as saving from "./saving.js";
import * as tags from "./tags.js";

for (const part of [keeping, saving, leaving, pictures, marks, counting, tags, beside]) part.start();
