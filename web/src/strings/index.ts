// SPDX-License-Identifier: GPL-3.0-or-later
// Every text that a person reads, by name; one file for each part of the page, nothing else has a literal.
import { cameras } from "./cameras";
import { certificates } from "./certificates";
import { common } from "./common";
import { entry } from "./entry";
import { grid } from "./grid";
import { people } from "./people";
import { storage } from "./storage";

export const strings = { common, entry, grid, people, cameras, storage, certificates };
