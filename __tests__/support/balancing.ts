import type { LoadBalancing } from "../../components/ldirectordConf";

/** The guide's values, in the program's terms. */
export const guide: LoadBalancing = {
  checkInterval: 20,
  checkTimeout: 5,
  failureCount: 2,
  autoReload: true,
  quiescent: false,
  scheduler: "wlc",
  forwarding: "gate",
  request: "test.html",
  receive: "still alive",
};
