// SPDX-License-Identifier: GPL-3.0-or-later
import { getAll, type Schemas } from "../api";
import { useLoad } from "../app/load";
import { Notice } from "../ui/notice";
import { Protection } from "../ui/protection";
import { Spinner } from "../ui/spinner";
import { Table } from "../ui/table";
import { strings } from "../strings";

type Stream = Schemas["Stream"];

export default function Live() {
  const streams = useLoad(() => getAll<Stream>("/api/v1/streams"), [], 5000);
  if (streams.problem && !streams.value) return <Notice problem={streams.problem} again={streams.again} />;
  if (!streams.value) return <Spinner />;
  const columns = [
    { name: strings.common.pages.cameras, cell: (s: Stream) => s.stream },
    { name: strings.common.pages.verify, cell: (s: Stream) => <Protection protection={s.protection} state={s.state} /> },
  ];
  return <Table label={strings.common.pages.live} columns={columns} rows={streams.value} keyOf={(s) => s.stream} />;
}
