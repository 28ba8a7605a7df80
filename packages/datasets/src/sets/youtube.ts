/** How people call a clip of a YouTube video, without extension: the likeliest first. Times in seconds. */
export function clipStems(youtubeId: string, start: number, end: number): string[] {
  return [
    `${youtubeId}_${start}`,
    `${youtubeId}_${start}_${end}`,
    `Y${youtubeId}_${start.toFixed(3)}_${end.toFixed(3)}`,
    `${youtubeId}_${start.toFixed(3)}_${end.toFixed(3)}`,
    `${youtubeId}_${Math.round(start * 1000)}`,
    `${youtubeId}_${Math.round(start * 1000)}_${Math.round(end * 1000)}`,
    `Y${youtubeId}`,
    youtubeId,
  ];
}
