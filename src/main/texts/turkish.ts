import type { PauseReason } from '../../protocol/compute/pause-reason';
import type { DeviceId } from '../../protocol/compute/run-preferences';
import type { LayersOfModel, Texts } from './texts';

function layersOf({ start, end, model }: LayersOfModel): string {
  return `${model} katman ${start === end ? String(start) : `${start}-${end}`}`;
}

const grouped = (count: number): string => count.toLocaleString('tr');

/** A device at the beginning of a sentence. */
function device(id: DeviceId): string {
  if (id === 'cpu') return 'İşlemci';
  if (id === 'network') return 'Ağ';
  return `Grafik işlemci ${Number(id.slice(3)) + 1}`;
}

/** One or two plain sentences: what holds, and what ends it. */
function pauseReason(reason: PauseReason, formatTime: (time: string) => string): string {
  switch (reason.kind) {
    case 'no-consent':
      return 'Pencerede onayınızı bekliyor.';
    case 'user':
      return 'Siz duraklattınız; siz sürdürene dek.';
    case 'snoozed':
      return `Siz duraklattınız; ${formatTime(reason.until)} anına dek.`;
    case 'suspended':
      return `Koordinatör askıya aldı: ${reason.message}`;
    case 'device-off':
      return `${device(reason.device)} hiç kullanılmayacak şekilde ayarlı.`;
    case 'device-snoozed':
      return `${device(reason.device)}: siz duraklattınız${reason.until === null ? '' : `, ${formatTime(reason.until)} anına dek`}.`;
    case 'metered':
      return 'Ağ, miktara göre ücretli. Başka bir ağda sürer.';
    case 'traffic':
      return `Bu ayki ${reason.limitMb} MB sınırın ${reason.usedMb} MB’ı kullanıldı. Gelecek ay sürer.`;
    case 'disk-low':
      return `Diskte ${reason.freeMb} MB boş; ${reason.floorMb} MB sınırının altında. Yer açılınca sürer.`;
    case 'disk-cap':
      return `Kesilmiş katmanlar diskte ${reason.usedMb} MB; izin verdiğiniz ${reason.limitMb} MB aşıldı.`;
    case 'hot':
      return `${device(reason.device)} ${reason.celsius} °C; sınır ${reason.limitCelsius} °C. ${reason.resumesBelow} °C altında sürer.`;
    case 'power':
      return `İşlemci ${reason.watts} W çekiyor; sınır ${reason.limitWatts} W.`;
    case 'schedule':
      return reason.resumesAt === null
        ? 'Saatleriniz hiç çalışmaya izin vermiyor.'
        : `Saatlerinizin dışında. ${formatTime(reason.resumesAt)} anında sürer.`;
    case 'on-battery':
      return `Pilde${reason.percent === null ? '' : ` (%${Math.round(reason.percent)})`}. Şebekeye bağlanınca sürer.`;
    case 'battery-low':
      return `Pil %${reason.percent}. Şebekede ya da %${reason.resumesAtPercent} düzeyinden sonra sürer.`;
    case 'exclusive-program':
      return `${reason.program} çalışıyor. Bitince sürer.`;
    case 'full-screen':
      return 'Bir program ekranı kaplıyor. Kaplamayınca sürer.';
    case 'other-programs':
      return `${device(reason.device)}: öteki programlar %${reason.percent} kullanıyor; sınır %${reason.limitPercent}.`;
    case 'in-use':
      return `Bilgisayar kullanılıyor. ${reason.idleMinutes} dk girdi olmayınca sürer.`;
    case 'idle-unknown':
      return 'Yalnızca boştayken çalışacak şekilde ayarlı, ama bu sistem bunu bildirmiyor.';
  }
}

/** GFT are written without grouping, so that only the decimal point differs. */
const amount = (gft: string): string => gft.replace('.', ',');

export const turkish: Texts = {
  tray: {
    pauses: {
      minutes15: '15 dakika duraklat',
      hour: '1 saat duraklat',
      hours4: '4 saat duraklat',
      morning: 'Yarın 07.00’ye kadar duraklat',
      resumed: 'Sürdürülene kadar duraklat',
    },
    finishFirst: 'Süreni bitir, sonra duraklat',
    open: 'Tore’yi aç',
    quit: 'Çık',
    retry: 'Yeniden dene',
    resume: 'Sürdür',
    balance: (gft) => `Bakiye ${amount(gft)} GFT`,
    served: (requests) => `${requests} istek yanıtlandı`,
  },
  state: {
    off: 'Çalışmıyor',
    preparing: {
      identity: 'Bu bilgisayarın anahtarı hazırlanıyor',
      hardware: 'Donanım okunuyor',
      benchmark: 'Bu bilgisayar ölçülüyor',
      model: 'Model okunuyor',
    },
    connecting: 'Koordinatöre bağlanıyor',
    registering: 'Bu bilgisayar kaydoluyor',
    loading: (layers) => `Yükleniyor: ${layersOf(layers)}`,
    serving: (layers, isWorking, tokensPerSecond) => {
      const speed = tokensPerSecond === null ? '' : `, ${tokensPerSecond} token/sn`;
      return `${isWorking ? 'Çalışıyor' : 'Hizmet veriyor'}: ${layersOf(layers)}${speed}`;
    },
    waiting: (message, time) => `${message} Sonraki deneme: ${time}.`,
    pausedUntilResumed: 'Sürdürülene kadar duraklatıldı',
    pausedUntil: (time) => `${time} anına dek duraklatıldı`,
    awaitingConsent: 'Pencerede onayınızı bekliyor',
    paused: (reason) => `Duraklatıldı: ${reason}`,
  },
  pauseReason,
  events: {
    earned: (gft) => `Yapılan iş için ${amount(gft)} GFT kazanıldı.`,
    received: (gft) => `${amount(gft)} GFT alındı.`,
    expired: (gft) => `${amount(gft)} GFT, kazanıldıktan bir yıl sonra geçerliliğini yitirdi.`,
    penalty: (gft) => `Koordinatör ceza olarak ${amount(gft)} GFT aldı.`,
    spent: (gft, tokens, model) => `${model} modelinin ${tokens} tokenı için ${amount(gft)} GFT ödendi.`,
    challenge: (layers, verdict, message) => {
      const said = {
        passed: 'sınaması geçildi.',
        failed: 'sınamasında kalındı.',
        error: 'sınaması değerlendirilemedi.',
      };
      return `${layersOf(layers)} ${said[verdict]} ${verdict === 'passed' ? '' : message}`.trim();
    },
    covered: (model) => `${model} modelinin her katmanı sunuluyor; yanıt verebilir.`,
    uncovered: (model, layers) => `${model} modelinin ${layers} numaralı katmanlarını kimse sunmuyor.`,
    layersHere: (model) => `${model} modelinin katmanları bu bilgisayarda.`,
  },
  records: {
    newVersion: (version) => `Tore ${version} ilk kez çalışıyor.`,
    damaged: (path) => `İstatistik ve olay günlüğü dosyası bozuktu. ${path} olarak saklandı, yenisine başlandı.`,
    connected: (name, transport) => `${name} ile bağlantı kuruldu (${transport === 'http' ? 'HTTP' : 'WebSocket'}).`,
    served: (requests, tokens) => `${grouped(requests)} istek yanıtlandı, ${grouped(tokens)} token.`,
    failed: (requests) => `${grouped(requests)} istek burada başarısız oldu.`,
    deviceSnoozed: (id, minutes) =>
      `${device(id)}: siz duraklattınız, ${minutes === null ? 'sürdürene dek' : `${minutes} dk`}.`,
    deviceResumed: (id) => `${device(id)}: siz sürdürdünüz.`,
    problem: 'Tore çalışamıyor',
    milestone: 'Bir kilometre taşı',
    milestones: {
      requests: (count) =>
        count === 1
          ? 'Bu bilgisayar ilk sorunun yanıtlanmasına yardım etti.'
          : `Baştan beri ${grouped(count)} istek yanıtlandı.`,
      teraflops: (count) => `Baştan beri ${grouped(count)} teraFLOP iş yapıldı.`,
      gft: (count) => `Baştan beri ${grouped(count)} GFT kazanıldı.`,
      hours: (count) => `Baştan beri ${grouped(count)} saat hizmet verildi.`,
    },
  },
  removal: {
    title: 'Her şey kaldırılamadı',
    left: (folder, names) => `${folder} klasöründe kalanları kendiniz kaldırın:\n\n${names}`,
  },
  dialogs: {
    export: 'Dışa aktar',
    exportFolder: 'Dışa aktarılacak klasörü seçin',
    import: 'İçe aktarılacakları seçin',
    projectFiles: 'Proje için dosya seçin',
    model: 'Model seçin',
    keyBackup: 'Bir anahtarın yedeğini seçin',
    record: 'Bir keşif kaydı seçin',
    agreement: 'Bir anlaşma seçin',
    statistics: 'İstatistiği kaydet',
    eventLog: 'Olay günlüğünü kaydet',
    report: 'Raporu kaydet',
  },
};
