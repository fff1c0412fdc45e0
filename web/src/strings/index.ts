// SPDX-License-Identifier: GPL-3.0-or-later
// Every text that a person reads, by name; one file for each part of the page, nothing else has a literal.
import { audit } from "./audit";
import { common } from "./common";
import { entry } from "./entry";
import { exporting } from "./export";
import { verify } from "./verify";

export const strings = { audit, common, entry, exporting, verify };
