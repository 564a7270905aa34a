/** Makes a photo small enough to be kept and sent. What a camera writes beside the picture (where it was taken) does not go with it. */

/** The longest side of a photo, pixels. */
const LONGEST = 1600;
/** The most bytes of one. */
export const MOST_BYTES = 400_000;
/** Longest side and quality, one after the other until the photo is small enough. */
const TRIES: [number, number][] = [
  [LONGEST, 0.82],
  [LONGEST, 0.7],
  [LONGEST, 0.55],
  [1280, 0.6],
  [1024, 0.55],
  [800, 0.5],
  [640, 0.4]
];

/** Thrown when a file is no picture that can be shown here. */
export class NoPicture extends Error {}

/** The size in which a picture is drawn: never larger than it is. */
export function fitted(width: number, height: number, longest: number): { width: number; height: number } {
  const by = Math.min(1, longest / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) };
}

/** The first of the tries that is small enough, else the smallest. */
export async function smallEnough<B extends { size: number }>(draw: (longest: number, quality: number) => Promise<B>): Promise<B> {
  let least: B | null = null;
  for (const [longest, quality] of TRIES) {
    const drawn = await draw(longest, quality);
    if (drawn.size <= MOST_BYTES) return drawn;
    if (!least || drawn.size < least.size) least = drawn;
  }
  if (!least) throw new NoPicture();
  return least;
}

/** The photo as a JPEG, upright, small enough to be kept. */
export async function compressed(file: Blob): Promise<Blob> {
  const url = URL.createObjectURL(file);
  try {
    const picture = new Image();
    picture.src = url;
    await picture.decode().catch(() => {
      throw new NoPicture();
    });
    return await smallEnough((longest, quality) => drawn(picture, longest, quality));
  } finally {
    URL.revokeObjectURL(url);
  }
}

function drawn(picture: HTMLImageElement, longest: number, quality: number): Promise<Blob> {
  const { width, height } = fitted(picture.naturalWidth, picture.naturalHeight, longest);
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  const pen = canvas.getContext('2d');
  if (!pen) return Promise.reject(new NoPicture());
  // A JPEG has no transparency; what was transparent would be black.
  pen.fillStyle = 'white';
  pen.fillRect(0, 0, width, height);
  pen.drawImage(picture, 0, 0, width, height);
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new NoPicture())), 'image/jpeg', quality));
}

/** The bytes of a file in base64. */
export function base64(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(new NoPicture());
    reader.readAsDataURL(blob);
  });
}
