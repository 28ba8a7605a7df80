/** Sets the exit status of a command that goes on after an error; the first one counts. */
export type SetStatus = (status: number) => void;
