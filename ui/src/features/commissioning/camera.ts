import { decodeQR } from 'qr/decode.js';

/**
 * The camera of this machine, as a scan needs it.
 *
 * Deliberately not here: what a text means (the app's core reads labels), and when to look (`scan.svelte.ts`).
 */

/** Why there is no picture. `unknown`: the camera did not start, and nobody says why. */
export const TROUBLES = ['missing', 'absent', 'denied', 'busy', 'lost', 'unknown'] as const;
export type Trouble = (typeof TROUBLES)[number];

/** A camera that is on. */
export interface View {
  /** The text of the QR code that stands in the picture now; null: none. */
  look(): string | null;
  /** Switches the light beside the lens; null where there is none. */
  light: ((on: boolean) => Promise<unknown>) | null;
  /** Calls `gone` when the camera ends without having been asked to. */
  whenGone(gone: () => void): void;
  close(): void;
}

/** Switches the camera on, and off again once it is `over`, also when it is only about to open. Rejects with what `troubleOf` understands. */
export type Camera = (over: AbortSignal) => Promise<View>;

/** A window that offers no way to a camera: no secure context, or a web view without one. */
export class NoWayToCamera extends Error {}

/** The trouble behind an error of `getUserMedia` (W3C Media Capture and Streams, 10.2). */
export function troubleOf(thrown: unknown): Trouble {
  if (thrown instanceof NoWayToCamera) return 'missing';
  switch (thrown instanceof Error ? thrown.name : '') {
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'absent';
    case 'NotAllowedError':
    case 'SecurityError':
      return 'denied';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    default:
      return 'unknown';
  }
}

/** The text of the QR code in a picture, four bytes for each pixel; null: none. */
export function textIn(picture: { width: number; height: number; data: Uint8ClampedArray }): string | null {
  try {
    return decodeQR(picture);
  } catch {
    // How the decoder says that it sees none.
    return null;
  }
}

/** Large enough for a code of 40 modules that fills a third of the picture. */
const WANTED = { facingMode: 'environment', width: { ideal: 1280 }, height: { ideal: 720 } } as const satisfies MediaTrackConstraints;

/** The camera that looks away from whoever holds the machine, where there is one; its picture is shown in `video`. */
export async function openCamera(video: HTMLVideoElement, over: AbortSignal): Promise<View> {
  // Older web views, and pages that did not come over TLS, have none.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (!devices) throw new NoWayToCamera();
  const stream = await devices.getUserMedia({ audio: false, video: WANTED });
  const close = () => {
    for (const track of stream.getTracks()) track.stop();
    // Another opening may show its picture there by now.
    if (video.srcObject === stream) video.srcObject = null;
  };
  const wanted = () => {
    if (over.aborted) throw new Error('nobody looks any more');
  };
  over.addEventListener('abort', close, { once: true });
  try {
    wanted();
    video.srcObject = stream;
    await video.play();
    wanted();
  } catch (thrown) {
    close();
    throw new Error('the picture of the camera cannot be shown', { cause: thrown });
  }
  const track = stream.getVideoTracks()[0];
  return { look: eyeOf(video), light: track && hasLight(track) ? (on) => track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] }) : null, whenGone: (gone) => track?.addEventListener('ended', gone, { once: true }), close };
}

/** What looks at the picture that is shown. */
function eyeOf(video: HTMLVideoElement): () => string | null {
  const canvas = document.createElement('canvas');
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  return () => {
    const { videoWidth: width, videoHeight: height } = video;
    if (!pen || width === 0 || height === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return null;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    pen.drawImage(video, 0, 0);
    return textIn(pen.getImageData(0, 0, width, height));
  };
}

/** `torch` is of the Image Capture specification, which TypeScript's types leave out; not every browser knows it. */
function hasLight(track: MediaStreamTrack): boolean {
  const abilities = 'getCapabilities' in track ? (track.getCapabilities() as { torch?: boolean }) : {};
  return abilities.torch === true;
}
