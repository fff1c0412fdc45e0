// SPDX-License-Identifier: GPL-3.0-or-later
// Every text that a person reads, by name; one file for each part of the page, nothing else has a literal.
import { camera } from "./camera";
import { common } from "./common";
import { entry } from "./entry";
import { grid } from "./grid";
import { people } from "./people";

export const strings = { camera, common, entry, grid, people };
