// SPDX-License-Identifier: GPL-3.0-or-later
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Schemas } from "../api";

export type Session = Schemas["Session"];

export const SessionContext = createContext<Session | null>(null);

// Of pages behind the sign-in: there is always one.
export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("a page behind the sign-in was drawn without a session");
  return session;
}

export const isAdministrator = (session: Session): boolean => session.role === "administrator";
