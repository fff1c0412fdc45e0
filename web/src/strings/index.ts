// SPDX-License-Identifier: GPL-3.0-or-later
// Every text that a person reads, by name; one file for each part of the page, nothing else has a literal.
import { common } from "./common";
import { audit } from "./audit";
import { entry } from "./entry";
import { exporting } from "./export";
import { grid } from "./grid";
import { people } from "./people";
import { verify } from "./verify";

export const strings = { common, audit, entry, exporting, grid, people, verify };
