// Every bound and every wait, with its reason.

/** A service that lived shorter than this is started again after a pause of the same length. */
export const restartPauseMs = 1000;
/** fork(2) failed: the system is short of processes or memory, so give it time. */
export const forkRetryMs = 5000;
/** A runsv that gave up by itself (no such directory, locked by another one) is tried again. */
export const supervisorRetryMs = 5000;
/** What cannot be watched is looked at again as often as runit looks at everything. */
export const rescanMs = 5000;
/** A log or a status that cannot be written: how long until it is tried again. svlogd holds its
 * input meanwhile, a service runs on. */
export const diskRetryMs = 3000;
/** A processor of svlogd that has failed is started again after this, and after twice as long
 * every time up to a minute: a shell costs more than the warning about it is worth. */
export const processorRetryMs = 1000;
export const processorRetryMaxMs = 60_000;
/** A processor that has finished no file for this long is not waited for any more: neither by a
 * log that is full nor by a svlogd that ends. Longer than compressing a large file takes. */
export const processorPatienceMs = 60_000;
/** After a fault in the program itself: keeps a fault that repeats from burning a core. */
export const faultPauseMs = 1000;
/** How often an event whose handling failed is tried before it is dropped. */
export const eventAttempts = 3;
/** A process that no pidfd can be had for (Linux < 5.3) is looked at this often. */
export const adoptedCheckMs = 1000;
/** A `check` script that says no is asked again: nobody announces that it would now say yes. */
export const checkRetryMs = 420;
/** A `check` script that still runs when sv's time is up may end for this long: with `-w 0` it
 * would otherwise never be heard. */
export const checkGraceMs = 1000;
/** A waiting sv that is told of nothing (no inotify) looks this often: a restart takes longer. */
export const svLookMs = 50;
/** How long sv waits for a command to take effect, in seconds: -w and SVWAIT say otherwise. */
export const svWaitSeconds = 7;
/** As soon as this is never too late, whatever -w says: runit looks twice, with this between. */
export const svWaitMinMs = 420;
/** Failures are sv's exit code, which has 100 for a wrong call. */
export const svFailuresMax = 99;
/** What -v shows of a log: the last lines, as many bytes of it at most. */
export const svLogLines = 5;
export const svLogBytes = 4096;
/** Services whose runsv a waiting sv watches at once: poll takes 64 descriptors, two of which are
 * inotify's and the signals'. The others have their turn when those are done. */
export const svSupervisorsWatched = 62;

/** utmpset waits so long for those who have utmp locked, as libc does: whoever may read it can lock
 * it for ever. */
export const utmpLockMs = 10_000;
/** Nobody announces that a lock is free. */
export const utmpLookMs = 20;

/** What a relay reads at a time: as much as a pipe holds. */
export const relayReadBytes = 65_536;
/** A line that has not ended is held back by its relay up to so much, then it is cut: longer than
 * what people log in one line, less than what a machine would miss. */
export const relayLineBytes = 1_048_576;
/** Runsv forked at a time: those forked in one call share most. */
export const runsvAtOnce = 1000;
/** Runsv forked at a time by runsvdir -o, which has four descriptors open for each meanwhile. */
export const relaysAtOnce = 8;

/** Commands taken from supervise/control in one turn, so that a flood can neither starve the
 * reaping nor make the heap grow: as many events wait at a time. */
export const commandsPerTurn = 8;
/** Control scripts that wait behind one that hangs; beyond it, commands that are there already are
 * not added again. Far more than anybody types, far fewer than random bytes would make. */
export const scriptsMax = 64;
/** A control script is killed after this, and counts as one that has failed: longer than anything
 * does that a command waits for. control/t has as long as timeout-kill says, if that is longer. */
export const scriptMs = 60_000;
/** The same once its supervisor is to leave: two that hang, one after the other, leave two of the
 * ten seconds that engines of containers give. */
export const scriptLeaveMs = 4000;
/** What ./finish has when its supervisor is to leave and timeout-finish does not say: longer than
 * cleaning up takes, shorter than a person waits. */
export const finishLeaveMs = 60_000;
/** Of a program that could not be executed: the kernel looks for an interpreter in as much. */
export const execHeadBytes = 256;
/** An end of ./run that nobody asked for is said again after this, if it is as the one before. */
export const endRepeatMs = 3_600_000;
/** Other ends are said at once, but no more of them in such a time: what fails in many ways, one a
 * second, fills no log. */
export const endsPerMinute = 4;
export const endWindowMs = 60_000;
/** Of the list of a runsv's children: some hundred processes that a service has left behind. */
export const childrenBytes = 4096;
/** How far a chain of symbolic links is followed, as the kernel does. */
export const linksMax = 40;
/** What is read of supervise/exit and supervise/complaint: one line, of a few words. */
export const lineBytes = 4096;
/** Of a file with one value in it, as timeout-kill: a number, or a signal's name. */
export const settingBytes = 64;
/** What runsv exits with after an essential service: no other program of ours has this code, and
 * only runsvdir hears it. */
export const essentialExit = 99;
/** supervise/status: 20 bytes are the format, a longer file is not ours. */
export const statusBytes = 20;

/** Groups that chpst sets; the kernel takes far more, runit's takes as many. */
export const groupsMax = 60;
/** Of a file that is to become a variable: exec(2) takes no string longer than 128 kB. */
export const variableBytes = 131_072;
/** Of /etc/passwd and /etc/group: some hundred thousand users. */
export const usersFileBytes = 16 * 1024 * 1024;

/** Stage 2 that crashed, or a stage that could not be started, is started again after this. */
export const stageRetryMs = 5000;
/** What stage 2 gets to end when it is told to, before it is killed: as runit. */
export const stageStopMs = 5000;
/** A stage 3 that cannot be started so often is left out: the system is to end. */
export const stageFailuresMax = 3;
/** What the disks get for what is still to be written; then the machine is turned off without. */
export const syncMs = 30_000;
/** Stage 3 is killed after this: longer than any service takes, shorter than a person waits at a
 * machine that hangs. The file timeout-3 in /etc/runit says otherwise, in milliseconds. */
export const stage3LimitMs = 300_000;

/** What services get to end in the built-in stage 3, in seconds, where SVWAIT does not say. */
export const stopSeconds = 30;
/** The same in a container: its engine kills everything after 10, the rest wants to end, too. */
export const stopContainerSeconds = 7;
/** What the main process of a container gets between TERM and KILL: as the services. */
export const mainKillMs = 7000;
/** How long services may take to come up before the main process is started without them. */
export const mainWaitMs = 10_000;
/** How often services are looked at that have no supervisor yet: it comes within milliseconds. */
export const awaitLookMs = 5;
/** What all other processes get between TERM and KILL, in seconds. */
export const restSeconds = 5;
/** The same in a container. */
export const restContainerSeconds = 2;
/** A server of the network has so long to take what is still to be written to it. */
export const networkUnmountMs = 20_000;
/** How long lines that services have written wait for a reader, where no engine ends it earlier. */
export const relaySeconds = 30;
/** All else of a container is over so long after its services' time: that makes 8 of the 10
 * seconds that engines give. */
export const endContainerMs = 1000;
/** What each step of its end has even so: there are five, which leaves half a second of the 10. */
export const endStepMs = 300;
/** So long after the time when all was to be over, the 10 seconds have passed: the engine has
 * granted more. */
export const endGrantedMs = 2500;
/** Nothing of a process runs after KILL, but a disk that it waits for may hold it up. */
export const restKillMs = 1000;
/** How often processes are listed while many end, or when no pidfd can be had (Linux < 5.3). */
export const restLookMs = 50;
/** Processes whose end is waited for at once: poll takes 64 descriptors. */
export const restWatched = 64;

/** The stamp of a start is taken once the program has been loaded: so late, on a busy machine with
 * a slow disk. What differs by more means that the clock was set. */
export const stampLateMs = 5000;
/** Moments that are compared come from ticks of 10 ms, and are not read at once. */
export const stampSlackMs = 100;
/** The boot is over once nothing has begun or ended for so long: a machine is up for weeks. */
export const bootQuietMs = 30_000;
/** A picture with more rows is nothing to look at. */
export const chartServicesMax = 500;

/** How long the output of sv waits for a reader of the pipe that it goes to. */
export const stdoutMs = 60_000;
/** How long a line of complaint waits for a reader of the pipe it goes to; then it is dropped. */
export const complaintMs = 1000;
/** A manual or a completion of ours says within so many bytes whose it is. */
export const sharedMarkBytes = 512;
