/**
 * The package `smt-ha/components`: the components of the program in ../index.ts, for other Pulumi programs. See examples/.
 */
export * from "./certificateAuthority";
export * from "./clusterNode";
export * from "./haeCluster";
export * from "./iscsiSharedDisk";
export type { Forwarding, LoadBalancing } from "./ldirectordConf";
export * from "./lvsDirector";
export * from "./mysqlMasterPair";
export * from "./nodeFirewall";
export * from "./ocfsMount";
export { platformNames, platforms, type Platform, type PlatformName } from "./platform";
export * from "./realServer";
export { RemoteHost, type RemoteHostArgs, type SshAccess, type StepArgs, type StepNode } from "./remoteHost";
export * from "./smtJobs";
export * from "./smtNode";
export * from "./smtRepositories";
export { type Ready, StepComponent } from "./stepComponent";
export * from "./vspherePlacement";
